package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
)

func TestWhatCostsMoreIsWarnedOf(t *testing.T) {
	t.Parallel()
	before, after := figures{}, figures{}
	before.read("./a", "BenchmarkSame-2  10  100 ns/op  8 B/op  1 allocs/op\nBenchmarkMore/x-2 10 100 ns/op 8 B/op 1 allocs/op\nBenchmarkSlow 10 100.5 ns/op 0 B/op 0 allocs/op\nBenchmarkGone-2 1 1 ns/op\nok  a  1.2s\n")
	before.read("./a", "BenchmarkSlow 10 90 ns/op 0 B/op 0 allocs/op\n") // the fastest round counts
	after.read("./a", "BenchmarkSame-8  10  149 ns/op  8 B/op  1 allocs/op\nBenchmarkMore/x-8 10 50 ns/op 8 B/op 2 allocs/op\nBenchmarkSlow 10 136 ns/op 0 B/op 0 allocs/op\nBenchmarkNew-8 1 1 ns/op\n")
	want := []string{"./a Gone: is measured no more", "./a More/x: 2 allocations, 1 before", "./a Slow: 1.51 times as long as before"}
	if got := compare(before, after, 1.5); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if got := table("v1.0.0", before, after); !strings.Contains(got, "| ./a Same | 1.49 | 1 | 1 |\n") || !strings.Contains(got, "| ./a New | new | 0 | |\n") {
		t.Error(got)
	}
}

// repository is one with a package that has a benchmark, which allocates nothing.
func repository(t *testing.T) options {
	t.Helper()
	o := options{root: t.TempDir(), rounds: 1, long: "1000x", times: 1e9, actions: true, all: []benchmarks{{"./p", "^BenchmarkCall$"}, {"./gone", "."}}}
	if err := os.Mkdir(filepath.Join(o.root, "p"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, o, "go.mod", "module example.com/m\n\ngo 1.26\n")
	write(t, o, "p/p_test.go", benchmark("sink = nil"))
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "one"}} {
		git(t, o, args...)
	}
	return o
}

func benchmark(call string) string {
	return "package p\n\nimport \"testing\"\n\nvar sink *[64]byte\n\nfunc BenchmarkCall(b *testing.B) {\n\tfor b.Loop() {\n\t\t" + call + "\n\t}\n}\n"
}

func write(t *testing.T, o options, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(o.root, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, o options, args ...string) {
	t.Helper()
	if _, err := command(t.Context(), o.root, "git", args...); err != nil {
		t.Fatal(err)
	}
}

func compared(t *testing.T, o options) string {
	t.Helper()
	var out strings.Builder
	if err := run(t.Context(), o, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheLastReleaseIsComparedWith(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	o := repository(t)
	if got := compared(t, o); got != "no release yet: there is nothing to compare with\n" {
		t.Error(got)
	}
	git(t, o, "tag", "v0.9.0")
	git(t, o, "tag", "v0.10.0")
	git(t, o, "tag", "other")
	if got := compared(t, o); !strings.HasSuffix(got, "nothing costs more than with v0.10.0\n") || !strings.Contains(got, "| ./p Call | ") {
		t.Error(got)
	}
	write(t, o, "p/p_test.go", benchmark("sink = new([64]byte)"))
	if got := compared(t, o); !strings.HasSuffix(got, "\n::warning title=Compared with v0.10.0::./p Call: 1 allocations, 0 before\n") {
		t.Error(got)
	}
	write(t, o, "p/p_test.go", "package p\n\nfault")
	if err := run(t.Context(), o, t.Output()); err == nil {
		t.Error("benchmarks that do not compile have no error")
	}
}

// Every benchmark that is measured exists: go test passes if a pattern matches none.
func TestTheBenchmarksExist(t *testing.T) {
	t.Parallel()
	const root = "../../.."
	for _, b := range measured {
		files, err := filepath.Glob(filepath.Join(root, b.folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, file := range files {
			one, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(one)
		}
		for name := range strings.FieldsFuncSeq(strings.TrimPrefix(strings.Trim(b.pattern, "^$"), "Benchmark"), func(r rune) bool { return strings.ContainsRune("(|)", r) }) {
			if !strings.Contains(text.String(), "\nfunc Benchmark"+name+"(b *testing.B) {") {
				t.Errorf("%s has no benchmark %s", b.folder, name)
			}
		}
	}
}
