# what: perl: hashes, sorting, regular expressions, threads, fork
# set: quick
# limit: 300
# needs: perl
#
# Perl's strings and hashes are many small blocks that grow by realloc, and its interpreter threads
# clone the whole heap: thousands of blocks made in one thread and freed in another.
# shellcheck shell=bash

export PERL_HASH_SEED=0
cat >work.pl <<'PERL'
use strict;
use warnings;
use threads;
use Digest::SHA qw(sha256_hex);

open my $maps, '<', '/proc/self/maps' or die $!;
my $there = grep { index($_, $ENV{CASE_LIB}) >= 0 } <$maps>;
open my $probe, '>>', $ENV{CASE_PROBE} or die $!;
print $probe $there ? "yes" : "no", " perl (its own maps)\n";
close $probe;

my $state = 12345;
sub rnd { $state = ($state * 1103515245 + 12345) & 0x7fffffff; return ($state >> 8) % $_[0] }

my %words;
for my $i (1 .. 60_000) {
	my $word = join '', map { chr(97 + rnd(26)) } 1 .. 1 + rnd(6);
	$words{$word} .= "$i,";
	delete $words{(keys %words)[0]} if $i % 1000 == 0;
}
print scalar(keys %words), " words ", sha256_hex(join ';', map { "$_=$words{$_}" } sort keys %words), "\n";

my $text = join ' ', sort { $words{$a} cmp $words{$b} || $a cmp $b } keys %words;
my $count = () = $text =~ /\b(\w)\w*\1\b/g;
(my $turned = $text) =~ s/(\w+) (\w+)/$2 $1/g;
print "$count ends meet, ", sha256_hex($turned), "\n";

my $grown = '';
for my $i (1 .. 90) { $grown .= $text; $grown = substr $grown, length($grown) / 2 if $i % 3 == 0 }
print length($grown), " ", sha256_hex($grown), "\n";

my @tree = ([]);
for my $i (1 .. 100_000) { push @{ $tree[rnd(scalar @tree)] }, my $leaf = [$i]; push @tree, $leaf if @tree < 5000 }
sub depth { my $n = shift; my $d = 0; for (@$n) { if (ref) { my $e = depth($_); $d = $e if $e > $d } } return $d + 1 }
print "depth ", depth($tree[0]), "\n";

my @threads = map {
	my $n = $_;
	threads->create(sub {
		my %h;
		$h{ $_ % 5003 } .= "$n:$_ " for 1 .. 30_000;
		return sha256_hex(join '', map { $h{$_} } sort keys %h);
	})
} 1 .. 4;
print "thread ", $_->join, "\n" for @threads;

for my $n (1 .. 20) {
	pipe my $r, my $w or die $!;
	my $pid = fork // die $!;
	if (!$pid) {
		close $r;
		print $w sha256_hex(join '', map { $_ x $n } values %words) ? "child $n done\n" : "";
		close $w;
		exit $n;
	}
	close $w;
	print <$r>;
	waitpid $pid, 0;
	print "status ", $? >> 8, " signal ", $? & 127, "\n";
}
PERL
perl work.pl
