package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

const connections = 32 // to each server

// target is a server that has been started, and the connections to it.
type target struct {
	lines  []line
	tokens []string
	stop   func()
}

// start starts this program as the server of that name. If the target has a stop, it
// must be called, also after an error.
func (m measure) start(name string) (t target, err error) {
	self, err := os.Executable()
	if err != nil {
		return t, err
	}
	process := exec.CommandContext(m.ctx, self, "-serve", name) //nolint:gosec // it is this program
	process.Stderr = os.Stderr
	in, err := process.StdinPipe()
	if err != nil {
		return t, err
	}
	out, err := process.StdoutPipe()
	if err != nil {
		return t, err
	}
	if err := process.Start(); err != nil {
		return t, err
	}
	t.stop = func() {
		_ = in.Close() // it ends when its input ends
		for _, l := range t.lines {
			_ = l.conn.Close()
		}
		_ = process.Wait()
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return t, fmt.Errorf("%s: %w", name, err)
	}
	for range connections {
		conn, err := (&net.Dialer{}).DialContext(m.ctx, "tcp", strings.TrimSpace(address))
		if err != nil {
			return t, err
		}
		t.lines = append(t.lines, line{conn, bufio.NewReader(conn)})
	}
	all, err := t.lines[0].get("/tokens", "")
	t.tokens = strings.Split(string(all), "\n")
	return t, err
}

// load sends n requests over all connections and returns the CPU time of the server
// for each, in nanoseconds.
func (t target) load(n int) (float64, error) {
	before, err := t.cpu()
	if err != nil {
		return 0, err
	}
	failures := make([]error, len(t.lines)+1) // the last is that of cpu
	var wait sync.WaitGroup
	for i, l := range t.lines {
		wait.Go(func() {
			for k := i; k < n && failures[i] == nil; k += len(t.lines) {
				_, failures[i] = l.get("/hello", t.tokens[k%len(t.tokens)])
			}
		})
	}
	wait.Wait()
	after, err := t.cpu()
	failures[len(t.lines)] = err
	return float64(after-before) / float64(n), errors.Join(failures...)
}

func (t target) cpu() (int64, error) {
	text, err := t.lines[0].get("/cpu", "")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(text), 10, 64)
}

// printServers prints the CPU time of whole servers for each request.
func (m measure) printServers() error {
	if m.requests == 0 {
		return nil
	}
	targets, ns := make([]target, len(servers)), make([][]float64, len(servers))
	defer func() {
		for _, t := range targets {
			if t.stop != nil {
				t.stop()
			}
		}
	}()
	for i, s := range servers {
		var err error
		if targets[i], err = m.start(s.name); err != nil {
			return err
		}
		if _, err := targets[i].load(m.requests); err != nil { // each user has its counter, each cache its tokens
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for round := range m.rounds {
		for k := range targets {
			i := (round + k) % len(targets)
			took, err := targets[i].load(m.requests)
			if err != nil {
				return fmt.Errorf("%s: %w", servers[i].name, err)
			}
			ns[i] = append(ns[i], took)
		}
	}
	fmt.Fprintf(m.out, "\n| a whole Echo server, %d users, %d connections | CPU of the server for each request: µs | × Echo alone |\n|---|--:|--:|\n", users, connections)
	for i, s := range servers {
		fmt.Fprintf(m.out, "| %s | %.1f | %s |\n", s.name, median(ns[i])/1000, ratio(ns[i], ns[0]))
	}
	return nil
}
