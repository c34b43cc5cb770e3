// Command sallyport administers what Sallyport keeps: it makes keys, runs migrations,
// imports users and API keys, lists and ends sessions, makes and revokes API keys, looks
// at quotas and lockouts, follows events, and checks a configuration against its store.
//
//	go run ./cmd/sallyport --help
//
// docs/command-line.md has a session for each job.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/configerror"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1   // something failed: a server, a file
	exitUsage       = 2   // the command line or the configuration is wrong; nothing was done
	exitNegative    = 3   // it worked, and the answer is no: not found, pending, bad lines, a failed check
	exitInterrupted = 130 // as of a program that SIGINT has ended
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	redis.SetLogger(silent{})    // its errors are returned as well
	code := run(ctx, &process{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now,
		terminal: isTerminal(os.Stdout), progress: isTerminal(os.Stderr),
	}, os.Args[1:])
	stop()
	os.Exit(code)
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// process is what a command gets from outside.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	terminal       bool // stdout is one
	progress       bool // stderr is a terminal

	hidden []string // secrets that were read, which no output may have in it
	log    *commandLog
}

// usageError is a mistake in the command line or in a configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errNegative ends a command that has worked, and whose answer is no.
var errNegative = errors.New("")

// exited is what kong's Exit panics with, after --help.
type exited int

// run runs a command line and returns its exit code.
func run(ctx context.Context, p *process, args []string) (code int) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exited:
			code = int(e)
		default:
			panic(e)
		}
	}()
	asJSON := slices.Contains(args, "--json")
	if err := refuseSecrets(args); err != nil {
		return p.fail(ctx, err, asJSON)
	}
	var c commandLine
	parser, err := newParser(&c, p)
	if err != nil {
		return p.fail(ctx, err, asJSON)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return p.fail(ctx, usageError{withHelp(err)}, asJSON)
	}
	if p.log, err = p.openLog(c.Log); err != nil {
		return p.fail(ctx, err, c.JSON)
	}
	out := newOutput(p, c.JSON)
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(p, out, &c.globals)
	if flushed := out.flush(); err == nil {
		err = flushed
	}
	if e := p.log.close(); e != nil {
		err = errors.Join(err, fmt.Errorf("what was done is not in the log: %w", e))
	}
	return p.fail(ctx, err, c.JSON)
}

// withHelp adds where to find what the command line may have in it.
func withHelp(err error) error {
	wrong, ok := errors.AsType[*kong.ParseError](err)
	if !ok || wrong.Context == nil || wrong.Context.Selected() == nil {
		return fmt.Errorf("%w: see sallyport --help", err)
	}
	return fmt.Errorf("%w: see sallyport %s --help", err, wrong.Context.Selected().Path())
}

// fail writes an error, if there is one, and returns the exit code.
func (p *process) fail(ctx context.Context, err error, asJSON bool) int {
	code, name := exitFailed, "failed"
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case ctx.Err() != nil:
		code, name = exitInterrupted, "interrupted"
		if errors.Is(err, context.Canceled) && !errors.As(err, new(*partial)) {
			err = errors.New("interrupted")
		}
	case errors.As(err, &usage), errors.As(err, new(*configerror.Error)):
		code, name = exitUsage, "usage"
	case errors.Is(err, errNegative):
		code, name = exitNegative, "negative"
	}
	text := p.redact(strings.TrimSuffix(err.Error(), ": "))
	switch {
	case text == "":
	case asJSON:
		_ = writeJSON(p.stderr, failure{Type: "error", Code: name, Message: text})
	default:
		_, _ = fmt.Fprintln(p.stderr, "sallyport:", clean(text, '\n'))
	}
	return code
}

// failure is an error in JSON.
type failure struct {
	Type    string `json:"type"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// negativef returns an errNegative with a text.
func negativef(format string, args ...any) error {
	return fmt.Errorf("%s%w", fmt.Sprintf(format, args...), errNegative)
}

// partial is the error of a command that has done a part of its work.
type partial struct {
	done string // what, and what to do about the rest
	err  error
}

func (e *partial) Error() string { return e.done + ": " + e.err.Error() }
func (e *partial) Unwrap() error { return e.err }
