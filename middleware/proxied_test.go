package middleware_test

import (
	"bytes"
	"io"
	mimemultipart "mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// A reverse proxy adds the headers of its upstream to those that are set. A client gets
// one quota: that of the limit in front of the proxy.
func TestFaultC7BehindAReverseProxyTheQuotaStandsOnce(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, name := range []string{
			"RateLimit", "RateLimit-Policy", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
			"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Upstream",
		} {
			w.Header().Set(name, "7")
		}
		_, _ = io.WriteString(w, "hello")
	}))
	t.Cleanup(upstream.Close)
	target, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := func() *httputil.ReverseProxy {
		return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	}
	d := open(t)
	route, err := d.Limits(ratelimit.LimitConfig{})
	if err != nil {
		t.Fatal(err)
	}
	modified := proxy()
	protected := d.Protect(modified)
	modified.ModifyResponse = func(res *http.Response) error { // after it was mounted
		res.Header.Set("X-Upstream", "8")
		return nil
	}
	dropping := proxy()
	dropping.ModifyResponse = ratelimit.DropQuota
	access := string(d.login(t, alice).AccessToken)
	for name, x := range map[string]struct {
		handler  http.Handler
		upstream string
	}{
		"Protect":                            {d.Protect(proxy()), "7"},
		"Limit":                              {d.Bearer(d.Limit(proxy())), "7"},
		"a Limiter of Limits":                {d.Bearer(route.Limit(proxy())), "7"},
		"a proxy with a ModifyResponse":      {protected, "8"},
		"a handler in between, by DropQuota": {d.Protect(http.StripPrefix("/api", dropping)), "7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			x.handler.ServeHTTP(w, request(t, "GET /api/x\nAuthorization: Bearer "+access+"\n\n"))
			if w.Code != http.StatusOK || w.Body.String() != "hello" || w.Header().Get("X-Upstream") != x.upstream {
				t.Fatalf("answer = %d %v %q", w.Code, w.Header(), w.Body)
			}
			for _, header := range []string{"RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
				if got := w.Header().Values(header); len(got) != 1 || got[0] == "7" {
					t.Errorf("%s = %q, want that of the limit, once", header, got)
				}
			}
			for _, header := range []string{"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} {
				if got := w.Header().Values(header); len(got) != 0 {
					t.Errorf("%s = %q, want none: it is of another draft", header, got)
				}
			}
		})
	}
}

// What a shared cache keeps of a route must not reach a caller with another cookie or
// token. The names are added to what others have set.
func TestFaultC7VaryNamesWhatAnAnswerDependsOn(t *testing.T) {
	t.Parallel()
	withCookies := func(c *config) { c.auth.Cookies = &middleware.Cookies{RefreshPath: "/"} }
	bearer := "\nAuthorization: Bearer {access}\n\n"
	const both = "Cookie, Authorization"
	for _, x := range []struct {
		name    string
		edit    func(*config)
		request string
		status  int
		want    []string
	}{
		{"Bearer, with cookies", withCookies, "GET /bearer" + bearer, 200, []string{both}},
		{"Bearer refuses, with cookies", withCookies, "GET /bearer\n\n", 401, []string{both}},
		{"OptionalBearer, with cookies", withCookies, "GET /search" + bearer, 200, []string{both}},
		{"OptionalBearer, anonymous, with cookies", withCookies, "GET /search\n\n", 200, []string{both}},
		{"OptionalBearer refuses, with cookies", withCookies, "GET /search\nAuthorization: Bearer x\n\n", 401, []string{both}},
		{"Protect, with cookies", withCookies, "GET /me" + bearer, 200, []string{both}},
		{"RequireScope refuses, with cookies", withCookies, "GET /admin" + bearer, 403, []string{both}},
		{"Sessions, with cookies", withCookies, "GET /sessions" + bearer, 200, []string{both}},
		{"Sessions refuses, with cookies", withCookies, "GET /sessions\n\n", 401, []string{both}},
		{"APIKeys, with cookies", withCookies, "GET /keys" + bearer, 200, []string{both}},
		{"EndOtherSessions, with cookies", withCookies, "DELETE /sessions/others" + bearer, 204, []string{both}},
		{"Refresh refuses, with cookies", withCookies, "POST /refresh\n\n", 400, []string{both}},
		{"Logout, with cookies", withCookies, "POST /logout" + bearer, 204, []string{both}},
		{"OptionalBearer", func(*config) {}, "GET /search" + bearer, 200, []string{"Authorization"}},
		{"OptionalBearer, anonymous", func(*config) {}, "GET /search\n\n", 200, []string{"Authorization"}},
		{"Bearer, which no shared cache may keep", func(*config) {}, "GET /bearer" + bearer, 200, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, x.edit)
			r := request(t, d.fill(t, x.request))
			w := httptest.NewRecorder()
			w.Header().Set("Vary", "Origin") // of the CORS middleware further out
			d.mux.ServeHTTP(w, r)
			wantStatus(t, w, x.status)
			if got, want := w.Header()["Vary"], append([]string{"Origin"}, x.want...); !slices.Equal(got, want) {
				t.Errorf("Vary = %q, want %q", got, want)
			}
		})
	}
}

// Bearer and Limit serve a copy of the request. What inner handlers set in it is seen
// further out, as without the two: the pattern of the route, and the forms, whose files
// the server deletes.
func TestFaultC15WhatInnerHandlersSetIsSeenFurtherOut(t *testing.T) {
	t.Parallel()
	d := open(t)
	access := string(d.login(t, alice).AccessToken)
	for name, wrap := range map[string]func(http.Handler) http.Handler{
		"no middleware":    func(h http.Handler) http.Handler { return h },
		"Bearer":           d.Bearer,
		"OptionalBearer":   d.OptionalBearer,
		"Limit":            d.Limit,
		"Protect":          d.Protect,
		"Bearer and Limit": func(h http.Handler) http.Handler { return d.Bearer(d.Limit(h)) },
	} {
		for _, panics := range []bool{false, true} {
			if panics {
				name += ", and a panic"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				var file string
				mux := http.NewServeMux()
				mux.HandleFunc("POST /files/{id}", func(_ http.ResponseWriter, r *http.Request) {
					if err := r.ParseMultipartForm(1); err != nil {
						t.Error(err)
						return
					}
					opened, err := r.MultipartForm.File["file"][0].Open()
					if err != nil {
						t.Error(err)
						return
					}
					file = opened.(*os.File).Name()
					_ = opened.Close()
					if panics {
						panic(http.ErrAbortHandler)
					}
				})
				var seen *http.Request
				outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer func() {
						seen = r
						if v := recover(); v != nil && !panics {
							t.Error(v)
						}
					}()
					wrap(mux).ServeHTTP(w, r)
				})
				server := httptest.NewServer(outer)
				postFile(t, server.URL+"/files/7", access)
				server.Close() // waits for what the server does behind the handler
				if seen.Pattern != "POST /files/{id}" || seen.MultipartForm == nil || seen.Form == nil {
					t.Errorf("further out the pattern is %q, the form %v", seen.Pattern, seen.Form)
				}
				if _, err := os.Stat(file); !os.IsNotExist(err) {
					t.Errorf("the file of the form is left: %v", err)
				}
			})
		}
	}
}

// postFile sends a form with a file that does not stay in memory.
func postFile(t *testing.T, to, access string) {
	t.Helper()
	var body bytes.Buffer
	parts := mimemultipart.NewWriter(&body)
	part, err := parts.CreateFormFile("file", "a.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(make([]byte, 11<<20)) // over the 10 MB that net/http adds
	_ = parts.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, &body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", parts.FormDataContentType())
	r.Header.Set("Authorization", "Bearer "+access)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
}

// Clients find the metadata at the path that RFC 8414 §3.1 makes of the issuer, also of
// one with encoded characters: http.ServeMux takes MetadataPath as it is.
func TestFaultC15TheMetadataOfAnIssuerWithEncodedCharacters(t *testing.T) {
	t.Parallel()
	for issuer, asked := range map[string]string{
		"https://issuer.example":                 "/.well-known/oauth-authorization-server",
		"https://issuer.example/a%20b":           "/.well-known/oauth-authorization-server/a%20b",
		"https://issuer.example/a%2Fb":           "/.well-known/oauth-authorization-server/a%2Fb",
		"https://issuer.example/gr%C3%B6%C3%9Fe": "/.well-known/oauth-authorization-server/gr%C3%B6%C3%9Fe",
		"https://issuer.example/größe/":          "/.well-known/oauth-authorization-server/gr%C3%B6%C3%9Fe",
		"https://issuer.example/%7Bid%7D":        "/.well-known/oauth-authorization-server/%7Bid%7D",
		"https://issuer.example/a+b;c=d,e":       "/.well-known/oauth-authorization-server/a+b;c=d,e",
	} {
		t.Run(issuer, func(t *testing.T) {
			t.Parallel()
			path, err := middleware.MetadataPath(issuer)
			if err != nil {
				t.Fatal(err)
			}
			d := open(t, func(c *config) {
				c.tokens.Issuer, c.auth.Endpoints = issuer, middleware.Endpoints{Token: "/token"}
			})
			mux := http.NewServeMux()
			mux.HandleFunc("GET "+path, d.Metadata)
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, asked, http.NoBody))
			if w.Code != http.StatusOK || !bytes.Contains(w.Body.Bytes(), []byte(`"issuer":"`+issuer+`"`)) {
				t.Errorf("GET %s, mounted at %s: %d %s", asked, path, w.Code, w.Body)
			}
		})
	}
}
