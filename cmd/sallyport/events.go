package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/tokens/events"
)

type eventsCommand struct {
	File    string      `arg:"" optional:"" default:"-" help:"Log of the host, JSON lines of slog; - is standard input."`
	Follow  bool        `short:"f" help:"Go on with what is added to FILE, as tail -F does, until it is interrupted."`
	Kind    []string    `placeholder:"NAME" help:"Only events of this kind, such as reuse or throttled; several with commas."`
	User    string      `placeholder:"ID" help:"Only events of this user."`
	Account string      `placeholder:"ID" help:"Only events of this account."`
	Session string      `placeholder:"ID" help:"Only events of this session."`
	Key     string      `placeholder:"ID" help:"Only events of the API key with this ID."`
	Client  string      `placeholder:"ID" help:"Only events of this OAuth client."`
	Address addressFlag `placeholder:"ADDRESS" help:"Only events of a client with this address."`
	Since   moment      `placeholder:"TIME" help:"Only events from this time on (2026-12-31T00:00:00Z), or of this long until now (1h)."`
	Faults  bool        `help:"Only failures and possible attacks: what events.Log writes as warnings."`
}

// Help is the rest of --help.
func (eventsCommand) Help() string {
	return `Reads what events.Log writes with a slog.JSONHandler, and nothing else: Sallyport keeps no events
in its store. Lines that are no events of Sallyport are passed over, and counted at the end. What
each kind means is in docs/runbook.md. On a terminal failures and possible attacks are coloured,
unless NO_COLOR is set. The end of the input, and an interruption of --follow, is exit code 0.

    sallyport events app.log --kind reuse,throttled --since 1h
    sallyport events -f app.log --faults
    journalctl -u app -o cat -f | sallyport events --user u1

JSON: {"type":"event","time","level","kind","user","account","client","key","successor","login",
"actor","reason","session","policy","changed","generation","address","error","omitted"}, of
which type and kind are always there.`
}

// event is a line of a log.
type event struct {
	Type       string     `json:"type"`
	Time       *time.Time `json:"time,omitempty"`
	Level      string     `json:"level,omitempty"`
	Kind       string     `json:"kind"`
	User       string     `json:"user,omitempty"`
	Account    string     `json:"account,omitempty"`
	Client     string     `json:"client,omitempty"`
	Key        string     `json:"key,omitempty"`
	Successor  string     `json:"successor,omitempty"`
	Login      string     `json:"login,omitempty"`
	Actor      string     `json:"actor,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	Session    string     `json:"session,omitempty"`
	Policy     string     `json:"policy,omitempty"`
	Changed    string     `json:"changed,omitempty"`
	Generation int64      `json:"generation,omitempty"`
	Address    string     `json:"address,omitempty"`
	Error      string     `json:"error,omitempty"`
	Omitted    int64      `json:"omitted,omitempty"`
}

func (event) head() []string { return nil }

// cells returns one line: the time, the kind, and what else is known.
func (e event) cells() []string {
	var line strings.Builder
	line.WriteString(at(e.Time) + "  " + e.Kind)
	for _, f := range []struct{ name, value string }{
		{"user", e.User}, {"account", e.Account}, {"session", e.Session}, {"key", e.Key}, {"client", e.Client}, {"login", e.Login},
		{"actor", e.Actor}, {"address", e.Address}, {"policy", e.Policy}, {"reason", e.Reason}, {"changed", e.Changed}, {"error", e.Error},
	} {
		if f.value != "" {
			line.WriteString(" " + f.name + "=" + f.value)
		}
	}
	return []string{line.String()}
}

// isWarning reports whether events.Log writes the event as a warning.
func (e event) isWarning() bool {
	kind := events.Kind(e.Kind)
	return kind.IsFault() || kind == events.Reuse || kind == events.Throttled
}

// logLine is what slog's JSONHandler writes.
type logLine struct {
	Time    time.Time `json:"time"`
	Level   string    `json:"level"`
	Message string    `json:"msg"`
	Event   event     `json:"event"`
	Omitted int64     `json:"omitted"`
}

// parseEvent returns the event of a line, or false if it has none.
func parseEvent(text []byte) (event, bool) {
	var line logLine
	if json.Unmarshal(text, &line) != nil || line.Message != "sallyport" || line.Event.Kind == "" {
		return event{}, false
	}
	e := line.Event
	e.Type, e.Time, e.Level, e.Omitted = "event", when(line.Time), line.Level, line.Omitted
	return e, true
}

const (
	maxEvent    = 1 << 20
	betweenLook = 250 * time.Millisecond
)

// Run runs the command.
func (c *eventsCommand) Run(ctx context.Context, p *process, out *output) error {
	in := p.stdin
	if c.File != stdoutName {
		file, err := os.Open(c.File)
		if err != nil {
			return usageError{err}
		}
		defer func() { _ = file.Close() }()
		in = file
	} else if c.Follow {
		return usagef("-f needs a FILE: standard input is read to its end in any case")
	}
	since := c.Since.at
	if c.Since.set && since.IsZero() {
		since = p.now().Add(-c.Since.from)
	}
	if c.Follow {
		in = &growing{ctx: ctx, path: c.File, Reader: in}
	}
	colours := p.terminal && p.getenv("NO_COLOR") == "" && !out.json
	passed := 0
	lines := bufio.NewReaderSize(untilDone{ctx, in}, maxEvent)
	for {
		text, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) { // no event is as long
			passed++
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = lines.ReadSlice('\n')
			}
			text = nil
		}
		switch e, ok := parseEvent(text); {
		case !ok && len(bytes.TrimSpace(text)) > 0:
			passed++
		case ok && c.matches(e, since):
			c.show(out, e, colours)
		}
		switch {
		case errors.Is(err, io.EOF), c.Follow && ctx.Err() != nil:
			if passed > 0 {
				out.notef("%s passed over: no events of Sallyport", plural(passed, "line"))
			}
			return out.flush()
		case err != nil:
			return err
		}
	}
}

// show writes an event at once.
func (*eventsCommand) show(out *output, e event, colours bool) {
	if colours && e.isWarning() {
		out.keep(out.flush())
		_, err := io.WriteString(out.w, "\x1b[31m")
		out.keep(err)
		defer func() {
			_, err := io.WriteString(out.w, "\x1b[0m")
			out.keep(err)
		}()
	}
	out.add(e)
	out.keep(out.table.Flush())
}

// matches reports whether an event is one of those that were asked for.
func (c *eventsCommand) matches(e event, since time.Time) bool {
	for _, f := range [][2]string{{c.User, e.User}, {c.Account, e.Account}, {c.Session, e.Session}, {c.Key, e.Key}, {c.Client, e.Client}} {
		if f[0] != "" && f[0] != f[1] {
			return false
		}
	}
	switch {
	case len(c.Kind) > 0 && !slices.Contains(c.Kind, e.Kind),
		c.Address.IsValid() && c.Address.String() != strings.TrimPrefix(e.Address, "::ffff:"),
		!since.IsZero() && (e.Time == nil || e.Time.Before(since)),
		c.Faults && !e.isWarning():
		return false
	}
	return true
}
