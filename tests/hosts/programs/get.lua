-- Lua with LuaSocket: gets a file by HTTP and prints "WAY: LENGTH SUM".
--
--     lua5.4 get.lua PORT PATH
local socket = require("socket")
local http = require("socket.http")
local port, path = arg[1], arg[2]

local function tell(way, bytes)
	local sum = 0
	for i = 1, #bytes do sum = sum + bytes:byte(i) end
	print(("%s: %d %d"):format(way, #bytes, sum))
end

local s = assert(socket.connect("localhost", port))
assert(select(2, s:getpeername()) == tonumber(port) or
       select(2, s:getpeername()) == port)
s:settimeout(20)
s:send("GET " .. path .. " HTTP/1.0\r\n\r\n")
local all = assert(s:receive("*a"))
tell("socket.connect", all:sub(select(2, all:find("\r\n\r\n", 1, true)) + 1))
tell("socket.http", (assert(http.request("http://localhost:" .. port .. path))))
