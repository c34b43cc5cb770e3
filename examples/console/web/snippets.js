// Programs that exchange an API key and call the API, for the user to paste.

const exchange = {
  grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
  subject_token_type: "urn:sallyport:token-type:api-key",
};

// The key goes through a pipe: what stands on a command line, all users of the machine
// can read.
const curl = (origin, key) => `API_KEY='${key}'
TOKEN=$(printf %s "$API_KEY" | curl -sS ${origin}/oauth/token \\
  -d grant_type=${exchange.grant_type} \\
  -d subject_token_type=${exchange.subject_token_type} \\
  --data-urlencode subject_token@- | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
printf 'Authorization: Bearer %s' "$TOKEN" | curl -sS -H @- ${origin}/api/hello
`;

const go = (origin, key) => `package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
)

func main() {
	answer, err := http.PostForm("${origin}/oauth/token", url.Values{
		"grant_type":         {"${exchange.grant_type}"},
		"subject_token_type": {"${exchange.subject_token_type}"},
		"subject_token":      {"${key}"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	var token struct {
		Access string \`json:"access_token"\`
	}
	if err := json.NewDecoder(answer.Body).Decode(&token); err != nil || token.Access == "" {
		log.Fatal(answer.Status, err)
	}

	request, err := http.NewRequest("GET", "${origin}/api/hello", nil)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token.Access)
	answer, err = http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	io.Copy(os.Stdout, answer.Body)
}
`;

const python = (origin, key) => `import json
from urllib.parse import urlencode
from urllib.request import Request, urlopen

form = urlencode({
    "grant_type": "${exchange.grant_type}",
    "subject_token_type": "${exchange.subject_token_type}",
    "subject_token": "${key}",
})
with urlopen("${origin}/oauth/token", form.encode()) as answer:
    token = json.load(answer)["access_token"]

request = Request("${origin}/api/hello", headers={"Authorization": "Bearer " + token})
with urlopen(request) as answer:
    print(answer.read().decode())
`;

export const snippets = { curl, go, python };
