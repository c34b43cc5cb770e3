package hosttest

import (
	"os"
	"testing"
)

// memory is a file system that Linux keeps in memory.
const memory = "/dev/shm"

// MemoryFolder returns a folder for a database of a few megabytes, which is removed
// when the test ends. Where the system has a file system in memory the folder is
// there: the database syncs as often as on a disk, and no test waits for it. It is not
// for tests of what survives a crash.
func MemoryFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp(memory, "sallyport-test-") //nolint:usetesting // t.TempDir lies on the disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	return folder
}
