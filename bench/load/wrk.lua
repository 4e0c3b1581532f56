-- Script for wrk. BENCH_BODY_BYTES: send a body of that length by POST. BENCH_PAUSE_MS: pause that long on average
-- between an answer and the next request of a connection, which turns the closed loop into a steady rate.
-- BENCH_PIPELINING: so many requests at once on each connection, the next ones when all of them are answered.
-- BENCH_ROUTES: NUMBER in the request stands for one of so many routes; every route gets its turn, in an order that jumps.
local body = tonumber(os.getenv('BENCH_BODY_BYTES') or '0')
local pause = tonumber(os.getenv('BENCH_PAUSE_MS') or '0')
local pipelining = tonumber(os.getenv('BENCH_PIPELINING') or '1')
local routes = tonumber(os.getenv('BENCH_ROUTES') or '0')

if body > 0 then
  wrk.method = 'POST'
  wrk.body = string.rep('u', body)
end

if pause > 0 then
  function delay()
    return math.random(0, 2 * pause)
  end
end

if pipelining > 1 then
  local all

  function init()
    all = string.rep(wrk.format(), pipelining)
  end

  function request()
    return all
  end
end

local function gcd(a, b)
  return b == 0 and a or gcd(b, a % b)
end

if routes > 0 then
  local before, after, at
  local step = math.floor(routes * 0.618) + 1
  while gcd(step, routes) ~= 1 do
    step = step + 1
  end

  function init()
    before, after = wrk.format():match('^(.*)NUMBER(.*)$')
    at = os.time() * 7919 % routes
  end

  function request()
    at = (at + step) % routes
    return before .. string.format('%06d', at) .. after
  end
end

function done(summary, latency, requests)
  local pairs = {}
  for i = 1, #latency do
    local value, count = latency(i)
    pairs[i] = string.format('[%d,%d]', value, count)
  end
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"errors":%d,"latencies":[%s]}\n',
    summary.requests,
    summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    table.concat(pairs, ',')
  ))
end
