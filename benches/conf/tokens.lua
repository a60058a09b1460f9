-- Sends a request with each token of a file in turn: wrk -s tokens.lua URL -- FILE
-- An empty line is a request without a token. A path and a host may come after the token.
local requests, at = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    local token, path, host = line:match("^(%S*) ?(%S*) ?(%S*)$")
    wrk.headers["Authorization"] = token ~= "" and "Token " .. token or nil
    wrk.headers["Host"] = host ~= "" and host or wrk.headers["Host"]
    requests[#requests + 1] = wrk.format(nil, path ~= "" and path or nil)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
