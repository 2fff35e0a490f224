# SPDX-License-Identifier: MIT
# Strings, arrays and hashes of Ruby: a row of bench/compare.

$seed = 1
def number
  $seed = ($seed * 1103515245 + 12345) & 0x7fffffff
  $seed >> 8
end

Item = Struct.new(:name, :tags, :text)

rounds = [30 * ARGV[0].to_i / 100, 1].max
total = 0
rounds.times do
  items = Array.new(12_000) do |i|
    Item.new("item #{i}", Array.new(number % 8) { "tag#{number % 50}" }, 'x' * (number % 300))
  end
  groups = Hash.new { |hash, key| hash[key] = [] }
  items.each { |item| item.tags.each { |tag| groups[tag] << item } }
  text = groups.sort.map { |tag, list| tag + ':' + list.map(&:name).join(',') }.join("\n")
  total += text.length + items.sum { |item| item.text.sub('xx', 'yyyy').length }
end
puts total
