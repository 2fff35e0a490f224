# what: lua: tables, strings, coroutines, one allocator function for all of it
# set: quick
# limit: 300
# needs: lua5.4
#
# Lua does everything by realloc(ptr, n) and free, and runs its collector on the sizes it asked for:
# a pure test of realloc's growth, shrinking and copying.
# shellcheck shell=bash

cat >work.lua <<'LUA'
local there = "no"
for line in io.lines("/proc/self/maps") do
	if line:find(os.getenv("CASE_LIB"), 1, true) then there = "yes" end
end
local probe = assert(io.open(os.getenv("CASE_PROBE"), "a"))
probe:write(there, " lua (its own maps)\n")
probe:close()

local state = 1
local function rnd(n) state = (state * 1103515245 + 12345) % 2147483648; return state // 256 % n end
local function sum(s) local h = 5381; for i = 1, #s do h = (h * 33 + s:byte(i)) % 4294967296 end; return h end

local words, list = {}, {}
for i = 1, 150000 do
	local t = {}
	for j = 1, 1 + rnd(5) do t[j] = string.char(97 + rnd(26)) end
	local w = table.concat(t)
	words[w] = (words[w] or 0) + i
end
for w, n in pairs(words) do list[#list + 1] = w .. "=" .. n end
table.sort(list)
print(#list, sum(table.concat(list, ";")))

local s = ""
for i = 1, 3000 do s = s .. list[i]; if i % 7 == 0 then s = s:sub(#s // 3) end end
print(#s, sum(s), select(2, s:gsub("(%d)(%a)", "%2%1")))

local threads, out = {}, {}
for i = 1, 5000 do
	threads[i] = coroutine.wrap(function() local t = {}
		for j = 1, 40 do t[j] = i * j; coroutine.yield(t[j]) end end)
end
for j = 1, 40 do local n = 0; for i = 1, 5000 do n = n + threads[i]() end; out[j] = n end
print(table.concat(out, " "))

for mode = 1, 2 do
	collectgarbage(mode == 1 and "generational" or "incremental")
	local live = {}
	for i = 1, 300000 do live[1 + rnd(2000)] = { i, tostring(i), { i } } end
	local n = 0
	for _, v in pairs(live) do n = n + v[1] + #v[2] + v[3][1] end
	print(mode, n)
end
local big = {}
for i = 1, 2000000 do big[i] = i end
for i = #big, 1, -1 do big[i] = nil end
collectgarbage()
print(#big)
LUA
lua5.4 work.lua
