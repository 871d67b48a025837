-- Sends the requests of a file in turn, over and over: lines of "path<TAB>headers<TAB>body".
local lines = {}
local at = 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    local path, prefer, body = line:match("([^\t]*)\t([^\t]*)\t(.*)")
    local headers = { ["Content-Type"] = "application/json" }
    if prefer ~= "" then headers["Prefer"] = prefer end
    lines[#lines + 1] = wrk.format("POST", path, headers, body)
  end
end

function request()
  at = at % #lines + 1
  return lines[at]
end
