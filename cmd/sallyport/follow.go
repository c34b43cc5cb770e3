package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"
)

// untilDone ends a read when the context is done.
type untilDone struct {
	ctx context.Context //nolint:containedctx // an io.Reader gets none
	r   io.Reader
}

// Read reads in a goroutine of its own, since nothing else ends the read of a terminal or a
// pipe. An abandoned read ends with the program.
func (u untilDone) Read(b []byte) (int, error) {
	type read struct {
		n   int
		err error
	}
	done := make(chan read, 1)
	own := make([]byte, len(b))
	go func() {
		n, err := u.r.Read(own)
		done <- read{n, err}
	}()
	select {
	case r := <-done:
		return copy(b, own[:r.n]), r.err
	case <-u.ctx.Done():
		return 0, u.ctx.Err()
	}
}

// growing reads a file, waits at its end for more, and goes on with a new file of that name:
// a log that was rotated.
type growing struct {
	io.Reader

	ctx  context.Context //nolint:containedctx // as above
	path string
	own  *os.File // the file that it has opened itself
}

// Read reads what there is, and waits if there is nothing.
func (g *growing) Read(b []byte) (int, error) {
	for {
		n, err := g.Reader.Read(b)
		if n > 0 || err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		select {
		case <-g.ctx.Done():
			return 0, g.ctx.Err()
		case <-time.After(betweenLook):
		}
		if err := g.reopen(); err != nil {
			return 0, err
		}
	}
}

// reopen begins with the file that has the name now, if it is another or has become shorter.
func (g *growing) reopen() error {
	old, ok := g.Reader.(*os.File)
	if !ok {
		return nil
	}
	now, err := os.Stat(g.path)
	if errors.Is(err, os.ErrNotExist) { // between two files
		return nil
	}
	if err != nil {
		return err
	}
	was, err := old.Stat()
	if err != nil {
		return err
	}
	if os.SameFile(now, was) {
		place, err := old.Seek(0, io.SeekCurrent)
		if err == nil && now.Size() < place {
			_, err = old.Seek(0, io.SeekStart)
		}
		return err
	}
	file, err := os.Open(g.path)
	if err != nil {
		return err
	}
	if g.own != nil {
		_ = g.own.Close()
	}
	g.Reader, g.own = file, file
	return nil
}
