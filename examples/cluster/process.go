package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// process is a node as seen by the parent process.
type process struct {
	addr    string
	metrics string // the address of its metrics
	cmd     *exec.Cmd
	stdin   io.Closer
	read    sync.WaitGroup

	mu     sync.Mutex
	events map[string]int // how often each happened
}

// startProcess runs this program once more, as a node, and returns when it
// serves. It serves until it is killed or stopped, whatever becomes of ctx.
func startProcess(ctx context.Context, s secrets) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(context.WithoutCancel(ctx), program, nodeCommand), events: map[string]int{}} //nolint:gosec // it is this very program
	p.cmd.Stderr = os.Stderr
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.stdin = stdin
	err = json.NewEncoder(stdin).Encode(s)
	lines := bufio.NewScanner(stdout)
	if err != nil || !lines.Scan() {
		p.kill()
		return nil, errors.Join(errors.New("a node does not start"), err, lines.Err())
	}
	p.addr, p.metrics, _ = strings.Cut(lines.Text(), " ")
	p.read.Go(func() {
		for lines.Scan() {
			p.mu.Lock()
			p.events[lines.Text()]++
			p.mu.Unlock()
		}
	})
	return p, nil
}

// kill ends the node in the middle of whatever it does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	p.read.Wait()
	_ = p.cmd.Wait() // it says that the node was killed
}

// stop lets the node finish what it has begun.
func (p *process) stop() error {
	if p.cmd.ProcessState != nil {
		return nil
	}
	_ = p.stdin.Close()
	p.read.Wait()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("a node ended: %w", err)
	}
	return nil
}

// count adds what happened on the node to what happened elsewhere.
func (p *process) count(all map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for kind, n := range p.events {
		all[kind] += n
	}
}
