package storetest

import (
	"crypto/rand"
	"strings"
	"unicode"
)

const (
	byteByByte = "Identifiers are compared byte by byte"
	anyText    = "All other strings but passwords are valid UTF-8 without NUL and at most 512 bytes."
)

var textRules = []rule{
	{
		name:  "Session IDs are compared byte by byte",
		says:  byteByByte,
		why:   "two sessions that the store takes for one are two users who are logged in as one another",
		check: keepsSessionIDsApart,
	},
	{
		name:  "Session IDs may have 64 bytes",
		says:  "Session and key identifiers are 1 to 64 letters, digits or any of -._~",
		why:   "an ID that is cut is not found again, and its user is logged out at the first refresh",
		check: keepsLongIDs,
	},
	{
		name:  "Any text comes back as it was",
		says:  anyText,
		why:   "a label with a quote in it fails the login, or worse: it is read as a piece of the query",
		check: keepsTexts,
	},
	{
		name:  "Texts may have 512 bytes",
		says:  anyText,
		why:   "a column of 255 fails the login of a user with a long subject from a directory, or cuts it into somebody else's",
		check: keepsLongTexts,
	},
	{
		name:  "Scopes come back as they were",
		says:  anyText,
		why:   "a scope that is split at a comma, sorted or lost changes what the token may do",
		check: keepsScopes,
	},
}

// lookAlikes returns texts that are not s, and that a database may treat as s.
func lookAlikes(s string) []string {
	alike := []string{s + " ", " " + s, s + "\u200b", "0" + s}
	for _, other := range []string{
		strings.Map(swapCase, s),
		decomposed(s),
		strings.ReplaceAll(s, "é", "e"),
		strings.ReplaceAll(s, "ß", "ss"),
		strings.ReplaceAll(s, "🔑", "🔒"), // equal to some collations, as all emoji are
		strings.ReplaceAll(s, "a", "а"), // Cyrillic
		strings.ReplaceAll(s, "_", "x"), // as LIKE has it
		strings.ReplaceAll(s, "%", "xx"),
	} {
		if other != s {
			alike = append(alike, other)
		}
	}
	return alike
}

// decomposed is s with its only accent in a character of its own.
func decomposed(s string) string { return strings.ReplaceAll(s, "é", "e\u0301") }

func swapCase(r rune) rune {
	if unicode.IsUpper(r) {
		return unicode.ToLower(r)
	}
	return unicode.ToUpper(r)
}

// texts are valid UTF-8 without NUL that a store has broken on.
var texts = []string{
	`it's`, `say "hi"`, "`id`", `C:\new\table`, `\`, `100%`, `%s %d %!`, `a_b`,
	"two\nlines\r\nand a\ttab", " spaces around ", "  ", "\u00a0",
	`'; DROP TABLE sessions; --`, `$1 ? :id @id`, `{a,"b",NULL}`, `[1]`, `{"a":1}`, `a,b;c|d`, `NULL`, `null`,
	`<b>&amp;</b>`, `a+b%20c`, `007`, `1e3`, `0x1F`, `true`, `2001-01-01`,
	"é and e\u0301", "שלום", "日本語", "👩‍👩‍👧 🔑", "\u2028\ufeff\u200b", "\x01\x1b[31m\x7f", "\ufffd\uffff\U0010ffff",
}

func keepsSessionIDsApart(t *trial) {
	for _, id := range []string{rand.Text() + "abc_XYZ-", "0" + digits()} {
		s := t.newSession()
		s.ID = id
		t.creates(s)
		alike := []string{strings.Map(swapCase, id), "0" + id, id + "-", id + "_", id[1:], id[:len(id)-1]}
		for _, other := range append(alike, strings.ReplaceAll(id, "_", "x"), strings.ReplaceAll(id, "-", "_")) {
			if other == id {
				continue
			}
			t.misses(other, "CreateSession of one that looks alike")
			t.must(t.Store.RevokeSession(t.ctx, other, t.now), "RevokeSession(%q)", other)
			t.finds(s, "RevokeSession of one that looks alike")
			o := t.newSession()
			o.ID = other
			t.creates(o)
			t.finds(o, "CreateSession of one that looks alike")
			t.finds(s, "CreateSession of one that looks alike")
		}
	}
}

func digits() string {
	return strings.Map(func(r rune) rune { return '0' + r%10 }, rand.Text())
}

func keepsLongIDs(t *trial) {
	long := strings.Repeat(rand.Text(), 3)[:62]
	for _, ending := range []string{"-_", "__", "-0", "-"} {
		s := t.newSession()
		s.ID = long + ending
		t.creates(s)
		t.finds(s, "CreateSession")
		t.finds(t.advances(s, t.now, t.now.Add(day)), "AdvanceSession")
	}
}

func keepsTexts(t *trial) {
	for _, text := range texts {
		s := t.newSession()
		s.UserID += text
		s.ClientID, s.Label = text, text
		t.creates(s)
		t.finds(s, "CreateSession")
		t.lists(s.UserID, s)
	}
}

func keepsLongTexts(t *trial) {
	long := strings.Repeat(rand.Text(), 20)
	for _, end := range []string{"a", "b"} {
		s := t.newSession()
		s.UserID, s.ClientID, s.Label = long[:511]+end, long[:511]+end, strings.Repeat("🔑", 512/4)
		s.Scopes = []string{long[:512]}
		t.creates(s)
		t.finds(s, "CreateSession")
		t.lists(s.UserID, s)
		t.lists(long[:511])
	}
}

func keepsScopes(t *trial) {
	many := make([]string, 100)
	for i := range many {
		many[i] = rand.Text()
	}
	for _, scopes := range [][]string{
		{"b", "a", "c", "a"},
		{"a,b", "{c}", `d'e`, "%", "_", "NULL", "$1", ":f", "[g]", "h;i|j"},
		{"READ", "read"},
		many,
	} {
		s := t.newSession()
		s.Scopes = scopes
		t.creates(s)
		t.finds(s, "CreateSession")
		t.lists(s.UserID, s)
		t.finds(t.advances(s, t.now, t.now.Add(day)), "AdvanceSession")
	}
}
