// Command compare measures the benchmarks of this tree and of the last release, and
// warns of what costs more now. It never fails for that: a machine that does other work
// measures wrong times.
//
//	go run ./examples/bench/compare
package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

// measured are the benchmarks of the ways of a request, by package.
var measured = []benchmarks{
	{"./tokens", "^BenchmarkVerify$"},
	{"./middleware", "^Benchmark(Handlers|Refresh)$"},
	{"./middleware/ratelimit", "^BenchmarkMemory$"},
	{"./middleware/echov4", "^BenchmarkLimit$"},
	{"./store/memstore", "^BenchmarkSessions$"},
}

// benchmarks are those of a package that match a pattern.
type benchmarks struct{ folder, pattern string }

// options say what is compared, and how long it is measured.
type options struct {
	root    string
	rounds  int
	long    string // -benchtime
	times   float64
	actions bool // print warnings for GitHub
	all     []benchmarks
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o := options{actions: os.Getenv("GITHUB_ACTIONS") != "", all: measured}
	flag.StringVar(&o.root, "root", ".", "the repository")
	flag.IntVar(&o.rounds, "rounds", 3, "how often both are measured, in turns; the fastest of each counts")
	flag.StringVar(&o.long, "benchtime", "50ms", "how long each benchmark runs in a round")
	flag.Float64Var(&o.times, "times", 1.5, "warn if a time is more than so many times what it was")
	flag.Parse()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	tag, err := lastTag(ctx, o.root)
	if err != nil {
		return err
	}
	if tag == "" {
		fmt.Fprintln(out, "no release yet: there is nothing to compare with")
		return nil
	}
	then, err := os.MkdirTemp("", "sallyport-compare")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(then) }()
	if err := extract(ctx, o.root, tag, then); err != nil {
		return err
	}
	before, after := figures{}, figures{}
	for range o.rounds {
		if err := o.measure(ctx, o.root, after); err != nil {
			return err
		}
		if err := o.measure(ctx, then, before); err != nil {
			fmt.Fprintf(out, "the benchmarks of %s cannot be run: %v\n", tag, err)
			return nil
		}
	}
	warnings := compare(before, after, o.times)
	fmt.Fprint(out, table(tag, before, after))
	for _, w := range warnings {
		if o.actions {
			w = "::warning title=Compared with " + tag + "::" + w
		}
		fmt.Fprintln(out, w)
	}
	if len(warnings) == 0 {
		fmt.Fprintf(out, "nothing costs more than with %s\n", tag)
	}
	return nil
}

// lastTag returns the last release before this tree, or nothing if there is none.
func lastTag(ctx context.Context, root string) (string, error) {
	tags, err := command(ctx, root, "git", "tag", "--list", "v*", "--merged", "HEAD", "--sort=-v:refname")
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(string(tags), "\n")
	return strings.TrimSpace(first), nil
}

// extract writes the files of a tag into a folder.
func extract(ctx context.Context, root, tag, to string) error {
	text, err := command(ctx, root, "git", "archive", "--format=tar", tag)
	if err != nil {
		return err
	}
	for archive := tar.NewReader(bytes.NewReader(text)); ; {
		file, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if file.Typeflag != tar.TypeReg {
			continue
		}
		if !filepath.IsLocal(file.Name) {
			return fmt.Errorf("%s: a file %q", tag, file.Name)
		}
		name := filepath.Join(to, file.Name) //nolint:gosec // IsLocal says so
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return err
		}
	}
}

// measure runs the benchmarks of a tree once. Packages that it does not have are
// left out.
func (o options) measure(ctx context.Context, root string, into figures) error {
	for _, b := range o.all {
		if _, err := os.Stat(filepath.Join(root, b.folder)); err != nil {
			continue
		}
		text, err := command(ctx, root, "go", "test", "-vet=off", "-run", "^$", "-bench", b.pattern, "-benchmem", "-benchtime", o.long, b.folder)
		if err != nil {
			return err
		}
		into.read(b.folder, string(text))
	}
	return nil
}

func command(ctx context.Context, root, name string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, name, args...) //nolint:gosec // this file's
	c.Dir, c.Env = root, append(os.Environ(), "GOWORK=off")
	var wrong bytes.Buffer
	c.Stderr = &wrong
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s%s", name, args[0], err, out, wrong.String())
	}
	return out, nil
}
