package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"
)

func TestHelloGreetsTheUserWhoLogsIn(t *testing.T) {
	t.Parallel()
	base := start(t)
	response, err := http.PostForm(base+"/login", url.Values{"username": {"ada"}, "password": {"correct horse"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var pair struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&pair); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		authorization, want string
		status              int
	}{
		{"Bearer " + pair.AccessToken, "hello, 1\n", http.StatusOK},
		{"Bearer", "", http.StatusUnauthorized},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/hello", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", tt.authorization)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != tt.status || tt.want != "" && string(body) != tt.want {
			t.Errorf("%d %q, want %d %q", response.StatusCode, body, tt.status, tt.want)
		}
	}
}

// start runs the command on a free port, and waits until it answers. It ends with the
// process: it has no way to end otherwise.
func start(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = free.Addr().String()
	_ = free.Close()
	go main()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); ; {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			return "http://" + addr
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("hello does not listen")
		}
	}
}
