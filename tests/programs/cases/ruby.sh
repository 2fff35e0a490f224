# what: ruby: objects, compaction, threads, ractors, fork
# set: quick
# limit: 300
# needs: ruby
#
# Ruby keeps its objects in pages from posix_memalign and the rest of each in malloc; its collector
# frees from its own thread's point of view whatever other threads made, and asks
# malloc_usable_size to know how much.
# shellcheck shell=bash

cat >work.rb <<'RUBY'
require 'digest'
require 'json'
require 'zlib'

there = File.read('/proc/self/maps').include?(ENV['CASE_LIB'])
File.open(ENV['CASE_PROBE'], 'a') { |f| f.puts "#{there ? 'yes' : 'no'} ruby (its own maps)" }

rng = Random.new(42)
sha = ->(s) { Digest::SHA256.hexdigest(s) }

words = Hash.new { |h, k| h[k] = +'' }
150_000.times { |i| words[Array.new(1 + rng.rand(5)) { (97 + rng.rand(26)).chr }.join] << "#{i}," }
puts "#{words.size} words #{sha[words.sort.flatten.join(';')]}"

data = words.sort.first(5000).map { |k, v| { 'k' => k, 'v' => v, 'n' => k.sum, 'f' => k.sum / 7.0 } }
again = JSON.parse(JSON.generate(data))
puts "json #{again == data} #{sha[JSON.generate(again)]}"
puts "zlib #{Zlib::Inflate.inflate(Zlib::Deflate.deflate(words.to_s, 9)) == words.to_s}"

20.times { |i| Array.new(20_000) { |j| "garbage #{i} #{j}" }; GC.start if i % 5 == 4 }
GC.compact if GC.respond_to?(:compact)
puts "after collection #{sha[words.sort.flatten.join(';')]}"

sums = Array.new(4) { |n| Thread.new { (1..40_000).map { |i| "#{n}:#{i}" }.sort.join.then(&sha) } }.map(&:value)
puts sums

Warning[:experimental] = false
ractors = Array.new(2) { |n| Ractor.new(n) { |m| (1..100_000).map { |i| (i * (m + 3)).to_s }.sum(&:size) } }
puts ractors.map(&:take).inspect

10.times do |n|
  r, w = IO.pipe
  pid = fork do
    r.close
    w.write sha[(1..5000).map { |i| "#{n} #{i}" }.join]
    w.close
    exit! n
  end
  w.close
  puts r.read
  Process.wait(pid)
  puts "status #{$?.exitstatus.inspect} signal #{$?.termsig.inspect}"
end
RUBY
ruby work.rb
