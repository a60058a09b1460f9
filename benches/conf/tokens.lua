-- Sends a request with each token of a file in turn: wrk -s tokens.lua URL -- FILE
-- An empty line is a request without a token.
local requests, at = {}, 0

function init(arguments)
  for token in io.lines(arguments[1]) do
    wrk.headers["Authorization"] = token ~= "" and "Token " .. token or nil
    requests[#requests + 1] = wrk.format()
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
