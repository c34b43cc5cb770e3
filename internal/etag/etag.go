// Package etag makes and compares entity tags (RFC 9110 §8.8.3).
package etag

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Of returns the tag of a body.
func Of(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// Matches is the weak comparison of RFC 9110 §8.8.3.2, of the If-None-Match fields of a
// request.
func Matches(fields []string, tag string) bool {
	for _, field := range fields {
		for one := range strings.SplitSeq(field, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}
