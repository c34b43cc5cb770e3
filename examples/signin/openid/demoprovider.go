package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// demoProvider is an OpenID provider for first steps and tests, and for nothing else:
// everybody logs in as anybody.
type demoProvider struct {
	config
	key *ecdsa.PrivateKey

	mu    sync.Mutex
	codes map[string]url.Values // what the app asked for, by code
	edit  func(jwt.MapClaims)   // for tests: changes an ID token
}

func newDemoProvider(c config) (*demoProvider, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &demoProvider{config: c, key: key, codes: map[string]url.Values{}}, err
}

func (d *demoProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		writeJSON(w, map[string]any{
			"issuer": d.issuer, "authorization_endpoint": d.issuer + "/authorize", "token_endpoint": d.issuer + "/token", "jwks_uri": d.issuer + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256"}, "authorization_response_iss_parameter_supported": true,
		})
	case "/keys":
		point, _ := d.key.PublicKey.Bytes() // 4, x and y
		writeJSON(w, map[string]any{"keys": []map[string]string{{
			"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1",
			"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
		}}})
	case "/authorize":
		d.authorize(w, r)
	case "/token":
		d.token(w, r)
	default:
		http.NotFound(w, r)
	}
}

var loginPage = template.Must(template.New("").Parse(`<!DOCTYPE html><h1>Demo provider</h1><form action="/authorize">
<label>User <input name="user" value="ada"></label><button>Log in</button>
{{range $name, $values := .}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">{{end}}{{end}}</form>`))

// authorize asks for the name of a user, and sends the browser back with a code.
func (d *demoProvider) authorize(w http.ResponseWriter, r *http.Request) {
	asked, redirect := r.URL.Query(), d.origin+"/login/callback"
	if asked.Get("redirect_uri") != redirect || asked.Get("client_id") != d.clientID {
		http.Error(w, "another app", http.StatusBadRequest)
		return
	}
	if asked.Get("user") == "" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := loginPage.Execute(w, asked); err != nil {
			panic(http.ErrAbortHandler)
		}
		return
	}
	code := newFlowSecret()
	d.mu.Lock()
	d.codes[code] = asked
	d.mu.Unlock()
	back := url.Values{"code": {code}, "state": {asked.Get("state")}, "iss": {d.issuer}}
	http.Redirect(w, r, redirect+"?"+back.Encode(), http.StatusSeeOther)
}

// token exchanges a code for an ID token, once.
func (d *demoProvider) token(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	asked, ok := d.codes[r.PostFormValue("code")]
	delete(d.codes, r.PostFormValue("code"))
	d.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || id != d.clientID || secret != d.clientSecret || r.PostFormValue("redirect_uri") != asked.Get("redirect_uri") ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant"})
		return
	}
	now := d.now()
	claims := jwt.MapClaims{
		"iss": d.issuer, "sub": "sub-" + asked.Get("user"), "aud": d.clientID, "nonce": asked.Get("nonce"),
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "auth_time": now.Unix(), "amr": []string{"pwd"}, "email": asked.Get("user") + "@example.com",
	}
	if d.edit != nil {
		d.edit(claims)
	}
	t := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	t.Header["kid"] = "1"
	signed, err := t.SignedString(d.key)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, map[string]any{"access_token": "none", "token_type": "Bearer", "id_token": signed})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
