# SPDX-License-Identifier: MIT
# Words, hashes, regular expressions and sorting: a row of bench/compare.
use strict;
use warnings;

my $rounds = int(20 * $ARGV[0] / 100) || 1;
my $seed   = 1;
my $total  = 0;

sub number {
    $seed = ($seed * 1103515245 + 12345) & 0x7fffffff;
    return $seed >> 8;
}

for my $round (1 .. $rounds) {
    my (%count, %by_length, @lines);
    for (1 .. 4000) {
        push @lines, join ' ', map { 'w' . number() % 5000 . 'x' x (number() % 30) } 1 .. 8;
    }
    for my $line (@lines) {
        for my $word (split / /, $line) {
            $count{$word}++;
            (my $short = $word) =~ s/x+$//;
            push @{ $by_length{ length $word } }, $short;
        }
    }
    my $text   = join "\n", sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
    my @long   = grep { @{ $by_length{$_} } > 100 } sort keys %by_length;
    my $twelve = () = $text =~ /w\d*12\d*x/g;
    $total += length($text) + @long + $twelve;
}
print "$total\n";
