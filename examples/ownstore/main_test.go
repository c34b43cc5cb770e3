package main

import (
	"context"
	"log"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// On Linux t.TempDir lies in memory: no test here is about a crash, and a commit
	// need not wait for the disk.
	const memory = "/dev/shm"
	if at, err := os.Stat(memory); err == nil && at.IsDir() && os.Getenv("TMPDIR") == "" {
		_ = os.Setenv("TMPDIR", memory)
	}
	goleak.VerifyTestMain(m)
}

func Example() {
	if err := run(context.Background(), nil, os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// alice@example.com logs in: account "wonderland ltd", tier "premium", 2 seats, scope "orders:read orders:write"
	// the first refresh token is exchanged for a second
	// the second is exchanged for a third
	// the second comes again: tokens: invalid refresh token: used before
	// so the third is void, too: tokens: invalid refresh token: the session was revoked
	// sessions left: 0
}

func TestRunTwiceOnOneFile(t *testing.T) {
	t.Parallel()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		file func(t *testing.T) string
	}{
		{"its path is absolute", func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "shop.db") }},
		{"its path is relative", func(t *testing.T) string {
			t.Helper()
			file, err := filepath.Rel(folder, filepath.Join(t.TempDir(), "shop.db"))
			if err != nil {
				t.Fatal(err)
			}
			return file
		}},
		{"its name would be something else in a URL", func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "50% of #1?a=b.db") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := tt.file(t)
			for range 2 {
				if err := run(t.Context(), []string{"-db", file}, t.Output()); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := os.Stat(file); err != nil {
				t.Error(err)
			}
		})
	}
}
