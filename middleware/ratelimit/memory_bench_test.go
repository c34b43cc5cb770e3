package ratelimit_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// BenchmarkMemory is one decision: run with -benchmem.
func BenchmarkMemory(b *testing.B) {
	for _, keys := range []int{1, 10_000} {
		names := make([]string, keys)
		for i := range names {
			names[i] = "tier/3600/account/" + strconv.Itoa(i)
		}
		for _, algorithm := range algorithms {
			b.Run(fmt.Sprintf("%v/%d", algorithm, keys), func(b *testing.B) {
				c := ratelimit.Memory()
				charges := []ratelimit.Charge{{Policy: ratelimit.Policy{Limit: 1 << 31, Window: time.Hour, Algorithm: algorithm}, Cost: 1}}
				i, dst := 0, make([]ratelimit.Status, 1)
				b.ReportAllocs()
				for b.Loop() {
					charges[0].Key = names[i]
					i = (i + 1) % keys
					if d, err := c.Take(b.Context(), charges, dst); err != nil || !d.Allowed {
						b.Fatal(d, err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("engine/%d", keys), func(b *testing.B) {
			c := ratelimit.UluleMemory()
			charges := []ratelimit.Charge{{Policy: ratelimit.Policy{Limit: 1 << 31, Window: time.Hour}, Cost: 1}}
			i, dst := 0, make([]ratelimit.Status, 1)
			b.ReportAllocs()
			for b.Loop() {
				charges[0].Key = names[i]
				i = (i + 1) % keys
				if d, err := c.Take(b.Context(), charges, dst); err != nil || !d.Allowed {
					b.Fatal(d, err)
				}
			}
		})
	}
}
