package passwords_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/store/passwords"
)

// narrow has one place to hash at and one to wait at.
var narrow = passwords.Config{Memory: 64, Time: 1, InsecureParameters: true, Concurrent: 1, Queue: 1}

// methods are all that hash, each as an error that is nil if it had its turn.
var methods = map[string]func(ctx context.Context, h *passwords.Hasher, encoded string) error{
	"Hash": func(ctx context.Context, h *passwords.Hasher, _ string) error {
		_, err := h.Hash(ctx, "secret")
		return err
	},
	"Verify": func(ctx context.Context, h *passwords.Hasher, encoded string) error {
		_, err := h.Verify(ctx, encoded, "secret")
		return err
	},
	"VerifyUnknown": func(ctx context.Context, h *passwords.Hasher, _ string) error {
		err := h.VerifyUnknown(ctx, "secret")
		if errors.Is(err, passwords.ErrMismatch) {
			return nil
		}
		return err
	},
}

func TestNoMoreThanConcurrentHashesRunAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, passwords.Config{Concurrent: 3, Queue: 9})
		var working atomic.Int32
		finish := make(chan struct{})
		for range 12 {
			go func() {
				if err := h.Occupy(t.Context()); err != nil {
					t.Error(err)
					return
				}
				working.Add(1)
				<-finish
				working.Add(-1)
				h.Vacate()
			}()
		}

		for finished := range 12 {
			synctest.Wait() // until everybody works or waits
			if got, want := int(working.Load()), min(3, 12-finished); got != want {
				t.Errorf("%d work at once when %d have finished, want %d", got, finished, want)
			}
			finish <- struct{}{}
		}
	})
}

func TestAFullQueueTurnsAwayAtOnce(t *testing.T) {
	t.Parallel()
	for name, call := range methods {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHasher(t, narrow)
				encoded := hash(t, h, "secret")
				if err := h.Occupy(t.Context()); err != nil {
					t.Fatal(err)
				}
				second := make(chan error, 1)
				go func() { second <- call(t.Context(), h, encoded) }()
				synctest.Wait()
				select {
				case err := <-second:
					t.Fatalf("the second caller did not wait for a place, but got %v", err)
				default:
				}

				// Were the third to wait, the bubble would be deadlocked.
				if err := call(t.Context(), h, encoded); !errors.Is(err, passwords.ErrBusy) {
					t.Errorf("the third caller got %v, want ErrBusy", err)
				}

				h.Vacate()
				if err := <-second; err != nil {
					t.Errorf("the second caller got %v when it was its turn", err)
				}
				if err := call(t.Context(), h, encoded); err != nil {
					t.Errorf("a later caller got %v, want a place: all have left", err)
				}
			})
		})
	}
}

func TestWhoWaitsMayGiveUp(t *testing.T) {
	t.Parallel()
	for name, call := range methods {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHasher(t, narrow)
				encoded := hash(t, h, "secret")
				if err := h.Occupy(t.Context()); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := call(ctx, h, encoded); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want context.DeadlineExceeded", err)
				}

				next := make(chan error, 1) // takes the place that was given up
				go func() { next <- call(t.Context(), h, encoded) }()
				synctest.Wait()
				h.Vacate()
				if err := <-next; err != nil {
					t.Errorf("the next caller got %v", err)
				}
			})
		})
	}
}

func TestAContextThatIsDoneTakesNoPlace(t *testing.T) {
	t.Parallel()
	h := newHasher(t, narrow)
	encoded := hash(t, h, "secret")
	for name, call := range methods {
		if err := call(cancelled(t), h, encoded); !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want context.Canceled", name, err)
		}
	}
}

func TestFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, passwords.Config{Concurrent: 1, Queue: 3})
		if err := h.Occupy(t.Context()); err != nil {
			t.Fatal(err)
		}
		served := make(chan int, 3)
		for i := range 3 {
			go func() {
				if err := h.Occupy(t.Context()); err != nil {
					t.Error(err)
				}
				served <- i
				h.Vacate()
			}()
			synctest.Wait()
		}
		h.Vacate()
		for want := range 3 {
			if got := <-served; got != want {
				t.Errorf("caller %d was served, want %d", got, want)
			}
		}
	})
}

func TestHashesTakeNoMoreMemoryTogetherThanThereIs(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		want    []uint64 // KiB, of 1000
		working int
	}{
		"as many as fit":                            {[]uint64{400, 300, 300}, 3},
		"one too many waits":                        {[]uint64{400, 300, 301}, 2},
		"one that waits for much is not overtaken":  {[]uint64{400, 700, 1}, 1},
		"one that needs all works alone":            {[]uint64{1000, 1}, 1},
		"one that needs more than there is does so": {[]uint64{5000, 1}, 1},
		"those that need nothing have places only":  {[]uint64{1000, 0, 0, 0}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHasher(t, passwords.Config{Concurrent: 4, TotalMemory: 1000, Memory: 64, Time: 1, InsecureParameters: true})
				var working, done atomic.Int32
				leave := make(chan struct{})
				for _, kib := range x.want {
					go func() {
						if err := h.OccupyWith(t.Context(), kib); err != nil {
							t.Error(err)
							return
						}
						working.Add(1)
						<-leave
						h.VacateWith(kib)
						done.Add(1)
					}()
					synctest.Wait()
				}
				if got := int(working.Load()); got != x.working {
					t.Errorf("%d work, want %d", got, x.working)
				}
				close(leave)
				synctest.Wait()
				if got := int(done.Load()); got != len(x.want) {
					t.Errorf("%d had their turn, want %d", got, len(x.want))
				}
				if err := h.OccupyWith(t.Context(), 1000); err != nil { // all of it was given back
					t.Error(err)
				}
			})
		})
	}
	t.Run("a caller that gives up delays no other", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			h := newHasher(t, passwords.Config{Concurrent: 4, TotalMemory: 1000, Memory: 64, Time: 1, InsecureParameters: true})
			if err := h.OccupyWith(t.Context(), 600); err != nil {
				t.Fatal(err)
			}
			ctx, giveUp := context.WithCancel(t.Context())
			large, small := make(chan error, 1), make(chan error, 1)
			go func() { large <- h.OccupyWith(ctx, 900) }()
			synctest.Wait()
			go func() { small <- h.OccupyWith(t.Context(), 400) }()
			synctest.Wait()
			giveUp()
			if err := <-large; !errors.Is(err, context.Canceled) {
				t.Errorf("the large one got %v", err)
			}
			if err := <-small; err != nil { // without anybody's leaving
				t.Errorf("the small one got %v", err)
			}
		})
	})
}

// Real hashes, for the race detector.
func TestManyHashAtOnce(t *testing.T) {
	t.Parallel()
	h := newHasher(t, cheap)
	encoded := hash(t, h, "secret")
	var callers sync.WaitGroup
	for range 20 {
		for name, call := range methods {
			callers.Go(func() {
				if err := call(t.Context(), h, encoded); err != nil {
					t.Errorf("%s = %v", name, err)
				}
			})
		}
	}
	callers.Wait()
}
