package middleware

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Usage is what a caller has spent and has left.
type Usage struct {
	Policy    Policy
	Remaining int64

	// ResetAfter is how long it takes until all of the limit is there again.
	ResetAfter time.Duration

	// At is when it was so.
	At time.Time
}

// SetHeader sets RateLimit-Policy and RateLimit (the IETF draft's structured
// fields), and X-RateLimit-Limit, -Remaining and -Reset (in seconds since 1970,
// as GitHub has it). What is rounded is rounded so that a client which waits
// that long gets in. Whatever stood there before is replaced.
func (u Usage) SetHeader(h http.Header) {
	name := strconv.Quote(u.Policy.Name) // printable ASCII without quotes: a String of RFC 9651
	limit := strconv.FormatInt(u.Policy.Limit, 10)
	remaining := strconv.FormatInt(u.Remaining, 10)
	reset := u.At.Add(u.ResetAfter)
	h["Ratelimit-Policy"] = []string{name + ";q=" + limit + ";w=" + strconv.FormatInt(seconds(u.Policy.Window), 10)}
	h["Ratelimit"] = []string{name + ";r=" + remaining + ";t=" + strconv.FormatInt(seconds(u.ResetAfter), 10)}
	h["X-Ratelimit-Limit"] = []string{limit}
	h["X-Ratelimit-Remaining"] = []string{remaining}
	h["X-Ratelimit-Reset"] = []string{strconv.FormatInt(reset.Add(time.Second-1).Unix(), 10)}
}

// sentence says it to a person.
func (u Usage) sentence() string {
	period := u.Policy.Window.String()
	switch u.Policy.Window {
	case time.Second:
		period = "second"
	case time.Minute:
		period = "minute"
	case time.Hour:
		period = "hour"
	case 24 * time.Hour:
		period = "day"
	}
	return fmt.Sprintf("The limit of %d requests per %s of the plan %s is reached", u.Policy.Limit, period, u.Policy.Name)
}
