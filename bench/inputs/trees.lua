-- SPDX-License-Identifier: MIT
-- Tables, closures and strings under Lua's collector: a row of bench/compare.

local rounds = math.max(1, 30 * tonumber(arg[1]) // 100)
local seed = 1

local function number(limit)
	seed = (seed * 1103515245 + 12345) & 0x7fffffff
	return (seed >> 8) % limit
end

local function tree(depth)
	if depth == 0 then
		return { name = "leaf " .. number(100000) }
	end
	return { tree(depth - 1), tree(depth - 1), size = function() return depth end }
end

local function walk(node)
	if node.name then
		return #node.name
	end
	return walk(node[1]) + walk(node[2]) + node.size()
end

local total = 0
for _ = 1, rounds do
	local kept = tree(14)
	local parts = {}
	for i = 1, 20000 do
		parts[i] = string.rep(string.char(97 + number(26)), number(60))
	end
	table.sort(parts)
	local text = table.concat(parts, ",")
	for word in text:gmatch("[^,]+") do
		total = total + #word
	end
	total = total + walk(kept)
end
print(total)
