-- Sends the requests of a file in turn, over and over: lines of "path<TAB>headers<TAB>body".
-- With the argument "keyed" each request has an Idempotency-Key of its own. Where there is a STORE_API_TOKEN in
-- the environment, each says with it who asks.
local heads, tails = {}, {}
local at, sent = 0, 0
local run, mark = "", "@key@"

function init(arguments)
  local keyed = arguments[2] == "keyed"
  local token = os.getenv("STORE_API_TOKEN") or ""
  run = os.time() .. "-"
  for line in io.lines(arguments[1]) do
    local path, prefer, body = line:match("([^\t]*)\t([^\t]*)\t(.*)")
    local headers = { ["Content-Type"] = "application/json" }
    if token ~= "" then headers["Authorization"] = "Bearer " .. token end
    if prefer ~= "" then headers["Prefer"] = prefer end
    if keyed then headers["Idempotency-Key"] = mark end
    local whole = wrk.format("POST", path, headers, body)
    local from, to = whole:find(mark, 1, true)
    heads[#heads + 1] = from and whole:sub(1, from - 1) or whole
    tails[#heads] = from and whole:sub(to + 1)
  end
end

function request()
  at = at % #heads + 1
  local tail = tails[at]
  if not tail then return heads[at] end
  sent = sent + 1
  return heads[at] .. run .. sent .. tail
end
