package postgrestest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// process is one that there is, or that has ended and whose parent does not know.
type process struct {
	pid, parent int
	state       string // a letter, as in proc(5)
}

const (
	ended  = "Z"
	halted = "TZ"
)

// in reports whether the process is in one of these states.
func (p process) in(states string) bool { return strings.Contains(states, p.state) }

// family is a process and its children.
func family(parent int) []process {
	var all []process
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // it is one of /proc
		if err != nil {
			continue // it is gone by now
		}
		var p process
		_, err = fmt.Sscan(string(text), &p.pid)
		if err == nil { // then comes its name, which may have anything in it
			_, err = fmt.Sscan(string(text[bytes.LastIndexByte(text, ')')+1:]), &p.state, &p.parent)
		}
		if err == nil && (p.pid == parent || p.parent == parent) {
			all = append(all, p)
		}
	}
	return all
}
