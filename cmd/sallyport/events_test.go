package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens/events"
)

// eventLog is a log as a host writes it, among other lines.
func eventLog(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	log := events.Log(slog.New(slog.NewJSONHandler(&text, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Time(slog.TimeKey, noon)
		}
		return a
	}})))
	ctx := events.WithAddress(t.Context(), netip.MustParseAddr("192.0.2.7"))
	for _, e := range []events.Event{
		{Kind: events.Login, UserID: "u1", SessionID: "s1", ClientID: "web"},
		{Kind: events.Reuse, UserID: "u1", SessionID: "s1", Generation: 3},
		{Kind: events.KeyExchange, UserID: "u2", KeyID: "k1", Account: "acme"},
		{Kind: events.StoreFailure, Err: errors.New("down\x1b[2J")},
	} {
		e.Address = events.AddressFrom(ctx)
		log(ctx, e)
		fmt.Fprintln(&text, `{"time":"2026-06-01T12:00:00Z","msg":"started"}`)
	}
	return text.String() + "no JSON\n" + strings.Repeat("x", maxEvent+10) + "\n"
}

func TestEventsAreFiltered(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.in = eventLog(t)
	for flags, kinds := range map[string]string{
		"": "login reuse key_exchange store_failure", "--kind reuse,login": "login reuse", "--user u1": "login reuse", "--account acme": "key_exchange",
		"--session s1 --kind reuse": "reuse", "--key k1": "key_exchange", "--client web": "login", "--faults": "reuse store_failure",
		"--address 192.0.2.7": "login reuse key_exchange store_failure", "--address 192.0.2.8": "", "--since 2026-06-01T12:00:01Z": "", "--since 1h": "login reuse key_exchange store_failure",
	} {
		var got []string
		for _, e := range s.objects(t, "events "+flags) {
			got = append(got, fmt.Sprint(e["kind"]))
		}
		if strings.Join(got, " ") != kinds {
			t.Errorf("%q: %v, want %s", flags, got, kinds)
		}
	}
	text := s.must(t, "events")
	if !strings.Contains(text, "2026-06-01T12:00:00Z  reuse user=u1 session=s1 address=192.0.2.7\n") || !strings.HasSuffix(text, "6 lines passed over: no events of Sallyport\n") {
		t.Errorf("for people:\n%s", text)
	}
	if strings.Contains(text, "\x1b") {
		t.Error("an event has reached the terminal as it is")
	}
	s.write(t, "app.log", s.in)
	if got := s.objects(t, "events DIR/app.log"); len(got) != 4 || members(got[1]) != "address generation kind level session time type user" {
		t.Errorf("of a file: %v", got)
	}
	s.refuses(t, "events DIR/none", exitUsage)
	s.refuses(t, "events -f", exitUsage, "needs a FILE")
}

func TestPossibleAttacksAreColouredOnATerminal(t *testing.T) {
	t.Parallel()
	for noColour, coloured := range map[string]bool{"": true, "1": false} {
		var out strings.Builder
		p := &process{
			stdin: strings.NewReader(eventLog(t)), stdout: &out, terminal: true, now: func() time.Time { return noon },
			getenv: func(name string) string { return map[string]string{"NO_COLOR": noColour}[name] },
		}
		if code := run(t.Context(), p, []string{"events"}); code != exitDone {
			t.Fatalf("exit code %d", code)
		}
		if n := strings.Count(out.String(), "\x1b[31m"); n != map[bool]int{true: 2, false: 0}[coloured] {
			t.Errorf("NO_COLOR=%q: %d lines are coloured:\n%q", noColour, n, out.String())
		}
	}
}

// texts are what a program writes, one after the other.
type texts chan string

func (c texts) Write(text []byte) (int, error) {
	c <- string(text)
	return len(text), nil
}

func (c texts) has(t *testing.T, words string) {
	t.Helper()
	for {
		select {
		case text := <-c:
			if strings.Contains(text, words) {
				return
			}
		case <-t.Context().Done():
			t.Fatalf("it has not written %q", words)
		}
	}
}

func TestALogIsFollowedAcrossItsRotationUntilAnInterruption(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	line := func(user string) string {
		return `{"time":"2026-06-01T12:00:00Z","level":"INFO","msg":"sallyport","event":{"kind":"login","user":"` + user + `"}}` + "\n"
	}
	s.write(t, "app.log", line("first"))
	out := make(texts, 10)
	p := &process{stdout: out, stderr: out, now: time.Now, getenv: func(string) string { return "" }}
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int)
	go func() { code <- run(ctx, p, []string{"events", "-f", filepath.Join(s.dir, "app.log"), "--json"}) }()
	out.has(t, "first")
	file, err := os.OpenFile(filepath.Join(s.dir, "app.log"), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	half := line("second")
	_, err = file.WriteString(half[:20])
	must(t, err)
	_, err = file.WriteString(half[20:])
	must(t, errors.Join(err, file.Close()))
	out.has(t, "second")
	must(t, os.Rename(filepath.Join(s.dir, "app.log"), filepath.Join(s.dir, "app.log.1")))
	s.write(t, "app.log", line("third"))
	out.has(t, "third")
	stop()
	if got := <-code; got != exitDone {
		t.Errorf("exit code %d", got)
	}
}
