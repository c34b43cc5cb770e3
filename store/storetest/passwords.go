package storetest

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"
)

const exactly = "The password is compared exactly as it is given: it is not trimmed, truncated or folded."

var passwordRules = []rule{
	{
		name:  "Authenticate takes any password",
		says:  exactly,
		why:   "users with a password manager have such passwords, and were told that they are good ones",
		check: takesAnyPassword,
	},
	{
		name:  "Authenticate does not trim the password",
		says:  exactly,
		why:   "a password with a space at its end works on one device and not on another, and every space that does not count makes the password weaker against brute force",
		check: doesNotTrimPassword,
	},
	{
		name:  "Authenticate does not fold the password",
		says:  exactly,
		why:   "a password without its case and accents takes a guesser a fraction of the time",
		check: doesNotFoldPassword,
	},
	{
		name:  "Authenticate does not cut the password",
		says:  exactly,
		why:   "bcrypt looks at 72 bytes and forgets the rest, so that a long password is opened by its beginning",
		check: doesNotCutPassword,
	},
	{
		name:  "An empty password is refused",
		says:  exactly,
		why:   "to an LDAP directory a bind with a name and no password is an anonymous one, and succeeds for everybody",
		check: refusesEmptyPassword,
	},
	{
		name:  "An unknown login takes about the same work",
		says:  "and after about the same work",
		why:   "an unauthenticated caller learns from the response time which logins exist",
		check: takesTheSameWork,
	},
}

// opensOnly fails the rule unless this password lets its user in and none of the
// others does.
func (t *trial) opensOnly(password string, others ...string) {
	u, _ := newUser("ada")
	ada := t.adds(u, password)
	t.enters(ada, ada.Login, password)
	for _, other := range others {
		t.refuses(ada.Login, other)
	}
}

func takesAnyPassword(t *trial) {
	salt := rand.Text()
	t.opensOnly("a&b=c+d%20e?"+salt, "a&b=c d e?"+salt, "a&b=c+d e?"+salt, "a&amp;b=c+d%20e?"+salt)
	t.opensOnly("🔑🔒🗝️"+salt, "🔒🔑🗝️"+salt, "???"+salt, salt)
	t.opensOnly(`it's "a" \n $1 ?`+salt, `it''s "a" \n $1 ?`+salt, "it's \"a\" \n $1 ?"+salt)
	t.opensOnly("two\nlines\tof\r\n"+salt, "two\nlines\tof\n"+salt, "two lines of "+salt)
}

func doesNotTrimPassword(t *trial) {
	p := unique("Correct horse")
	t.opensOnly(p, p+" ", " "+p, p+"\n", p+"\t", p+"\u00a0")
	t.opensOnly(" "+p+" ", p, p+" ", " "+p, "  "+p+" ")
}

func doesNotFoldPassword(t *trial) {
	p := unique("Correct horse é ß")
	others := slices.DeleteFunc(lookAlikes(p), func(other string) bool {
		return other == decomposed(p) // equivalent in Unicode, which the contract allows to match
	})
	t.opensOnly(p, others...)
}

func doesNotCutPassword(t *trial) {
	eighty := strings.Repeat("0123456789", 5) + "abcd" + rand.Text()
	t.opensOnly(eighty, eighty[:79], eighty[:79]+"!", eighty[:72], eighty[:72]+"!!!!!!!!", eighty[:64], eighty+"!")
	long := strings.Repeat(rand.Text(), 20)[:512]
	t.opensOnly(long, long[:511], long[:511]+"!", long[:256], long[:255], long[:128])
}

func refusesEmptyPassword(t *trial) {
	t.opensOnly(unique("Correct horse"), "", " ", "\x01")
}

// A hash that is any good takes longer than measurable. What takes less is lost
// in the noise of a network, for an attacker as for this rule.
const (
	measurable = 5 * time.Millisecond
	measures   = 7
)

func takesTheSameWork(t *trial) {
	ada, password := t.ada()
	missing, _ := newUser("unknown")
	quickest, quicker := time.Hour, 0
	var wrong, unknown time.Duration
	for range measures { // in turns, so that a slow moment of the machine affects both
		wrong = t.timesRefusal(ada.Login, password+"!")
		unknown = t.timesRefusal(missing.Login, password+"!")
		quickest = min(quickest, wrong)
		if unknown < wrong/4 {
			quicker++
		}
	}
	if quickest < measurable {
		t.skipf("a wrong password takes %v, which is too quick to be compared", quickest)
	}
	if quicker >= measures-1 { // by chance it is so in some of them
		t.failf("Authenticate: a wrong password takes %v, an unknown login %v", wrong, unknown)
	}
}

func (t *trial) timesRefusal(login, password string) time.Duration {
	begin := time.Now()
	t.refuses(login, password)
	return time.Since(begin)
}
