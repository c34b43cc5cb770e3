package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"

	"github.com/sallyport-go/sallyport/tokens/events"
)

// commandLog is where the security events of the command go. Nil drops them.
type commandLog struct {
	w    io.Writer
	file *os.File // nil: standard error
	err  error    // the first
}

// openLog opens the log that the flag or the environment names.
func (p *process) openLog(flag string) (*commandLog, error) {
	switch name := cmp.Or(flag, p.getenv("SALLYPORT_LOG")); name {
	case "":
		return nil, nil //nolint:nilnil // it drops events
	case stdoutName:
		return &commandLog{w: p.stderr}, nil
	default:
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600) //nolint:gosec // the file that the user names
		if err != nil {
			return nil, usageError{err}
		}
		return &commandLog{w: file, file: file}, nil
	}
}

// Write appends one line.
func (l *commandLog) Write(line []byte) (int, error) {
	n, err := l.w.Write(line)
	if l.err == nil {
		l.err = err
	}
	return n, err
}

// hook returns what takes the events of an Authority. The log has the name of this program
// in each line, since a host may write to the same one.
func (l *commandLog) hook() func(context.Context, events.Event) {
	if l == nil {
		return func(context.Context, events.Event) {}
	}
	return events.Log(slog.New(slog.NewJSONHandler(l, nil)).With(slog.String("program", "sallyport")))
}

// close ends the log, and returns the first error of it.
func (l *commandLog) close() error {
	switch {
	case l == nil:
		return nil
	case l.file == nil:
		return l.err
	default:
		return errors.Join(l.err, l.file.Close())
	}
}
