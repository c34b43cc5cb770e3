package rediscounters

import "github.com/sallyport-go/sallyport/internal/redisclient"

// deciding makes all charges of a decision, or none. The first key has the number
// of the last reset, the others are the counters, some with two more: the number of
// counters that their source has made, and the counter that it shares. All have one
// hash tag. What a counter has is packed, and has the times in it, so that nothing
// depends on when the server forgets a key. A value that is not a counter is an error
// before anything is written.
//
// The arguments are what to do, the time in microseconds (0: the server's clock; a
// test has its own), how many counters one source may make in an hour, and for each
// counter: its algorithm, limit, window in microseconds, burst, cost, whether the work
// is done, how much more to charge if it is there, and whether it has the two further
// keys. The reply is the number of the last reset, and for each counter: whether the
// charge fits, what remains, in how many microseconds it is all there again and the
// charge can be made, how much more was charged, and how long that is good for.
//
//nolint:dupword // where one block of Lua ends, another does
var deciding = redisclient.NewScript(`
local todo, steps = ARGV[1], 12
local now = tonumber(ARGV[2])
if now == 0 then
	local time = redis.call('TIME')
	now = time[1] * 1000000 + time[2]
end

local kinds, makers = {}, {}

local function kind(name) -- made when it is wanted: to make all takes longer than to decide
	local k = kinds[name]
	if not k then
		k = makers[name]()
		kinds[name] = k
	end
	return k
end

makers['0'] = function() return {
	load = function(c, v)
		if v then c.ends, c.spent = struct.unpack('<dd', v) end
		if not v or now >= c.ends then c.new, c.ends, c.spent = true, now + c.window, 0 end
	end,
	free = function(c) return c.limit - c.spent end,
	spend = function(c, cost) c.spent = math.min(math.max(c.spent + cost, 0), 2 ^ 52) end,
	retry = function(c) return c.ends - now end,
	left = function(c) return c.ends - now end,
	good = function(c) return c.ends - now end,
	nothing = function(c) return c.spent <= 0 end,
	save = function(c) return struct.pack('<dd', c.ends, c.spent) end,
} end

local function leaks(c, much)
	if much <= 0 then return 0 end
	if c.limit <= 0 then return c.window end
	return math.ceil(math.min(much * c.window / c.limit, 2 * c.window))
end

makers['1'] = function() return {
	load = function(c, v)
		c.level, c.when = 0, now
		if v then c.level, c.when = struct.unpack('<dd', v) end
		if now > c.when then
			c.level = math.max(c.level - (now - c.when) * math.max(c.limit, 0) / c.window, 0)
			c.when = now
		end
	end,
	free = function(c)
		if c.limit <= 0 then return -1 end
		return math.floor(c.burst - c.level + 1e-6 + 1e-12 * c.limit)
	end,
	spend = function(c, cost) c.level = math.min(math.max(c.level + cost, 0), 2 * math.max(c.limit, 1)) end,
	retry = function(c) return leaks(c, c.level + c.cost - c.burst) end,
	left = function(c) return leaks(c, c.level) end,
	good = function(c) return leaks(c, c.more) end, -- if it leaks as the bucket does
	nothing = function(c) return c.level <= 0 end,
	save = function(c) return struct.pack('<dd', c.level, c.when) end,
} end

makers['2'] = function()
	local packed = '<dI4I4I4I4I4I4I4I4I4I4I4I4I4' -- 'd' and steps + 1 times 'I4'
	return {
		load = function(c, v)
			c.width = math.ceil(c.window / steps)
			c.limit = math.min(c.limit, 4294967295)
			local step = math.floor(now / c.width)
			if v then
				c.spent = {struct.unpack(packed, v)}
				c.step = table.remove(c.spent, 1)
				c.spent[steps + 2] = nil
				for i = math.max(c.step + 1, step - steps), step do c.spent[i % (steps + 1) + 1] = 0 end
				c.step = math.max(c.step, step)
			else
				c.step, c.spent = step, {}
				for i = 1, steps + 1 do c.spent[i] = 0 end
			end
		end,
		free = function(c)
			local free = c.limit
			for i = 1, steps + 1 do free = free - c.spent[i] end
			return free
		end,
		spend = function(c, cost)
			for i = c.step - steps, c.step do -- the oldest first: what stays, stays longer
				local at = i % (steps + 1) + 1
				local back = math.min(c.spent[at], math.max(-cost, 0))
				c.spent[at], cost = c.spent[at] - back, cost + back
			end
			local at = c.step % (steps + 1) + 1
			c.spent[at] = math.min(c.spent[at] + math.max(cost, 0), 4294967295)
		end,
		retry = function(c)
			local over = c.cost - c.kind.free(c)
			for i = c.step - steps, c.step do
				over = over - c.spent[i % (steps + 1) + 1]
				if over <= 0 then return (i + steps + 1) * c.width - now end
			end
			return c.window
		end,
		left = function(c)
			for i = c.step, c.step - steps, -1 do
				if c.spent[i % (steps + 1) + 1] > 0 then return (i + steps + 1) * c.width - now end
			end
			return 0
		end,
		good = function(c) return (c.step + 1) * c.width - now end,
		nothing = function(c)
			for i = 1, steps + 1 do
				if c.spent[i] > 0 then return false end
			end
			return true
		end,
		save = function(c) return struct.pack(packed, c.step, unpack(c.spent)) end,
	}
end

-- made is how many counters a source has made in this hour, and when it ends.
local function made(key)
	local v = redis.call('GET', key)
	if v then
		local ends, n = struct.unpack('<dd', v)
		if now < ends then return n, ends end
	end
	return 0, now + 3600000000
end

local function make(key, more)
	local n, ends = made(key)
	n = n + more
	if n > 0 then
		redis.call('SET', key, struct.pack('<dd', ends, n), 'PX', math.ceil(math.max(ends - now, 1000) / 1000))
	else
		redis.call('DEL', key)
	end
end

local charges, all, reset, key, most = {}, true, false, 2, tonumber(ARGV[3])
for at = 4, #ARGV, 8 do
	local c = {
		limit = tonumber(ARGV[at + 1]), window = tonumber(ARGV[at + 2]), burst = tonumber(ARGV[at + 3]),
		cost = tonumber(ARGV[at + 4]), done = ARGV[at + 5] == '1', more = tonumber(ARGV[at + 6]), key = KEYS[key],
		kind = kind(ARGV[at]), new = false, fits = false, ends = 0, spent = 0, source = false, shared = false,
	}
	key = key + 1
	local v = redis.call('GET', c.key)
	if ARGV[at + 7] == '1' then
		c.source, c.shared = KEYS[key], KEYS[key + 1]
		key = key + 2
		if not v and todo ~= 'reset' then
			v = redis.call('GET', c.shared)
			if v then c.kind.load(c, v) end
			if v and not c.kind.nothing(c) then
				c.key, c.source = c.shared, false -- until it ends
			else
				v = false
			end
		end
	end
	c.new = not v
	if todo ~= 'reset' then
		c.kind.load(c, v)
		c.fits = c.cost <= c.kind.free(c)
		all = all and (c.fits or c.done)
	end
	charges[#charges + 1] = c
end

local reply = {0}
for i, c in ipairs(charges) do
	local wait, more, good = 0, 0, 0
	local write = false
	if todo == 'reset' then
		if redis.call('DEL', c.key) == 1 and c.source then make(c.source, -1) end
		reset = true
	elseif todo == 'refund' then
		if not c.new then
			reset = true -- somebody may have been told to wait
			if c.key == c.shared then c.kind.load(c, redis.call('GET', c.key)) end
			c.kind.spend(c, -c.cost)
			if c.kind.nothing(c) then
				if redis.call('DEL', c.key) == 1 and c.source then make(c.source, -1) end
			else
				write = true
			end
		end
	else
		if not c.fits then
			wait = c.window
			if c.cost <= c.burst and c.limit > 0 then wait = math.max(c.kind.retry(c), 1) end
		end
		if todo == 'take' and all then
			if c.new and c.source then
				if made(c.source) < most then
					make(c.source, 1)
				else
					c.key = c.shared
				end
			end
			if c.key == c.shared then -- another charge may have come here
				local v = redis.call('GET', c.key)
				if v then c.kind.load(c, v) end
			end
			c.kind.spend(c, c.cost)
			if c.more > 0 and c.kind.good(c) > 0 then
				more, good = math.max(math.min(c.more, c.kind.free(c)), 0), c.kind.good(c)
				c.kind.spend(c, more)
			end
			write = true
		end
	end
	if write then
		redis.call('SET', c.key, c.kind.save(c), 'PX', math.ceil(math.max(c.kind.left(c), 1000) / 1000))
	end
	if todo == 'take' or todo == 'peek' then
		local at = #reply
		reply[at + 1], reply[at + 2], reply[at + 3] = c.fits and 1 or 0, math.max(c.kind.free(c), 0), c.kind.left(c)
		reply[at + 4], reply[at + 5], reply[at + 6] = wait, more, good
	end
end
if reset then
	redis.call('SET', KEYS[1], redis.call('INCR', KEYS[1]), 'PX', 316224000000)
end
reply[1] = tonumber(redis.call('GET', KEYS[1]) or 0)
return reply`)
