package main

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/examples/internal/processtest"
	"github.com/sallyport-go/sallyport/internal/skip"
)

// instruction is a line of a Dockerfile, without the word before it.
type instruction struct{ name, args string }

func dockerfile(t *testing.T) (stages [][]instruction) {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, args, _ := strings.Cut(line, " ")
		if name == "FROM" {
			stages = append(stages, nil)
		}
		last := len(stages) - 1
		stages[last] = append(stages[last], instruction{name, args})
	}
	return stages
}

func find(stage []instruction, name string) (all []string) {
	for _, i := range stage {
		if i.name == name {
			all = append(all, i.args)
		}
	}
	return all
}

// There is no Docker on the machines of the tests. What can go wrong in a Dockerfile that
// is so short is tried without it.
func TestTheImageHasTheProgramOnlyAndRunsAsNoRoot(t *testing.T) {
	t.Parallel()
	stages := dockerfile(t)
	if len(stages) != 2 {
		t.Fatalf("the Dockerfile has %d stages", len(stages))
	}
	last := stages[1]
	if from := find(last, "FROM"); from[0] != "scratch" {
		t.Errorf("the image is made from %s", from)
	}
	if user := find(last, "USER"); len(user) != 1 || user[0] != "65532:65532" {
		t.Errorf("the user is %s, want numbers, so that Kubernetes knows that it is not root", user)
	}
	for _, name := range []string{"ENV", "ARG", "ADD", "RUN", "VOLUME"} {
		if has := find(last, name); len(has) > 0 {
			t.Errorf("the image has %s %s", name, has)
		}
	}
	_, health, _ := strings.Cut(find(last, "HEALTHCHECK")[0], "CMD ")
	for _, form := range []string{find(last, "ENTRYPOINT")[0], health} {
		var args []string // not through a shell, which there is not, and which passes no signal on
		if err := json.Unmarshal([]byte(form), &args); err != nil || args[0] != "/notes" {
			t.Errorf("%s: %v", form, err)
		}
	}
	if !slices.Contains(find(last, "COPY"), "--from=build /notes /notes") || !strings.Contains(find(stages[0], "RUN")[0], " -o /notes ") {
		t.Error("the program that is built is not the one that is copied")
	}
}

// What the Dockerfile builds runs without root, without a shell, a library or a file but
// its keys, in a folder that it cannot write to, and is well by its own check.
func TestTheProgramOfTheImageRunsWhereThereIsNothingElse(t *testing.T) {
	t.Parallel()
	if os.Getenv("SALLYPORT_FULL") == "" {
		t.Skip("SALLYPORT_FULL is not set") //nolint:forbidigo // it builds a program
	}
	if os.Getuid() != 0 {
		skip.Skip(t, "only root can change the root of a process")
	}
	root := processtest.Dir(t)
	run := strings.Replace(find(dockerfile(t)[0], "RUN")[0], " -o /notes ", " -o "+root+"/notes ", 1)
	build := exec.CommandContext(t.Context(), "sh", "-c", run)
	build.Dir = "../../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v %s", run, err, out)
	}
	program, err := elf.Open(root + "/notes")
	if err != nil {
		t.Fatal(err)
	}
	libraries, err := program.ImportedLibraries()
	if err := errors.Join(err, program.Close()); err != nil || len(libraries) > 0 || slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Errorf("the program needs %s, %v", libraries, err)
	}
	const user = 65532
	secrets := filepath.Join(root, "run", "secrets")
	err = errors.Join(os.MkdirAll(secrets, 0o700), newFolder(secrets))
	for _, name := range []string{"", signingFile, refreshFile} {
		err = errors.Join(err, os.Chown(filepath.Join(secrets, name), user, user))
	}
	for _, name := range []string{secrets, filepath.Join(root, "run"), root} {
		err = errors.Join(err, os.Chmod(name, 0o555)) //nolint:gosec // the folders are read-only
	}
	if err != nil {
		t.Fatal(err)
	}
	address := processtest.FreeAddress(t)
	command := func(args ...string) *exec.Cmd {
		c := exec.CommandContext(t.Context(), "/notes", args...)
		c.Dir, c.Env = "/", []string{}
		c.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: user, Gid: user}}
		return c
	}
	var log strings.Builder
	service := command("-addr", address, "-drain", "0s")
	service.Stderr = &log
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- service.Wait() }()
	for command("-check", "http://"+address+"/live").Run() != nil {
		select {
		case err := <-ended:
			t.Fatalf("the service ended with %v: %s", err, &log)
		default:
		}
	}
	h := hosttest.At(t, "http://"+address)
	pair := h.Post(t, "/login", "username", "ada", "password", password).Pair(t)
	h.Get(t, "/me", pair.Access).Is(t, http.StatusOK, "u-1")
	if err := command("-check", "http://"+address+"/other").Run(); err == nil {
		t.Error("the check of a path that is not there succeeds")
	}
	if err := command("-keys", "/run/secrets", "-rotate").Run(); err == nil {
		t.Error("the service can write its keys")
	}
	h.Client().CloseIdleConnections()
	if err := errors.Join(service.Process.Signal(syscall.SIGTERM), <-ended); err != nil {
		t.Errorf("the service ended with %v: %s", err, &log)
	}
	for _, secret := range []string{"\"d\"", password} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}

func TestSystemdAcceptsTheUnits(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		skip.Skip(t, "no systemd-analyze")
	}
	folder := t.TempDir()
	for _, name := range []string{"notes.service", "notes.socket"} {
		text, err := os.ReadFile(name)
		unit := strings.Replace(string(text), "/usr/local/bin/notes", os.Args[0], 1)                             // it looks whether the program is there
		if err := errors.Join(err, os.WriteFile(filepath.Join(folder, name), []byte(unit), 0o600)); err != nil { //nolint:gosec // the test names it
			t.Fatal(err)
		}
	}
	for what, args := range map[string][]string{
		"verify":   {"verify", folder + "/notes.service", folder + "/notes.socket"},
		"security": {"security", "--offline=yes", "--threshold=15", folder + "/notes.service"}, // 1.5 of 10, where 10 is no protection at all
	} {
		out, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
		if err != nil || what == "verify" && len(out) > 0 {
			t.Errorf("%s: %v %s", what, err, out)
		}
	}
}
