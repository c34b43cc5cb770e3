package tokens

import (
	"strings"
)

// span is the position of a value in a text: from a up to b.
type span struct{ a, b int }

// in returns the text of the span.
func (s span) in(text []byte) []byte { return text[s.a:s.b] }

// scanner reads a JSON text once, from front to back.
//
// It accepts less than encoding/json does: what it does not accept is left to
// encoding/json, which decides. So it must never accept what decodeClaims
// rejects, and never read it differently: a fuzz test compares the two.
type scanner struct {
	text []byte
	at   int
}

// object reads one object and nothing behind it but white space. It calls member for
// each name, at the value.
func (s *scanner) object(member func(name span) bool) bool {
	if !s.next('{') {
		return false
	}
	if s.next('}') {
		return s.end()
	}
	for {
		name, ok := s.plain()
		if !ok || !s.next(':') || !member(name) {
			return false
		}
		if s.next('}') {
			return s.end()
		}
		if !s.next(',') {
			return false
		}
	}
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// next reads one character, and the white space before it.
func (s *scanner) next(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] <= ' ' {
		s.space()
	}
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) end() bool {
	s.space()
	return s.at == len(s.text)
}

// plain reads a string without escapes.
func (s *scanner) plain() (span, bool) {
	if !s.next('"') {
		return span{}, false
	}
	a := s.at
	for i := a; i < len(s.text); i++ {
		if c := s.text[i]; c == '"' {
			s.at = i + 1
			return span{a, i}, true
		} else if c < ' ' || c == '\\' {
			return span{}, false
		}
	}
	return span{}, false
}

// textOf is plain, with the number of its member.
func (s *scanner) textOf(member int) (int, span, bool) {
	value, ok := s.plain()
	return member, value, ok
}

// audience reads a string or an array of strings, and reports whether ours is one.
func (s *scanner) audience(ours string) (found, ok bool) {
	if s.at < len(s.text) && s.text[s.at] <= ' ' {
		s.space()
	}
	if s.at < len(s.text) && s.text[s.at] == '"' {
		value, ok := s.plain()
		return ok && string(value.in(s.text)) == ours, ok
	}
	ok = s.array(func(value span) { found = found || string(value.in(s.text)) == ours })
	return ok && found, ok
}

// array reads an array of strings without escapes.
func (s *scanner) array(each func(value span)) bool {
	if !s.next('[') {
		return false
	}
	if s.next(']') {
		return true
	}
	for {
		value, ok := s.plain()
		if !ok {
			return false
		}
		each(value)
		if s.next(']') {
			return true
		}
		if !s.next(',') {
			return false
		}
	}
}

// integer reads a whole number of 18 digits at most, without a fraction or an
// exponent.
func (s *scanner) integer() (int64, bool) {
	s.space()
	negative := s.at < len(s.text) && s.text[s.at] == '-'
	if negative {
		s.at++
	}
	a, n := s.at, int64(0)
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' && s.at-a <= 18 {
		n = n*10 + int64(s.text[s.at]-'0')
		s.at++
	}
	if s.at == a || s.at-a > 18 || s.text[a] == '0' && s.at-a > 1 {
		return 0, false
	}
	if s.at < len(s.text) && strings.IndexByte(".eE", s.text[s.at]) >= 0 {
		return 0, false
	}
	if negative {
		n = -n
	}
	return n, true
}

// boolean reads true or false.
func (s *scanner) boolean() (value, ok bool) {
	s.space()
	if s.word("true") {
		return true, true
	}
	return false, s.word("false")
}

// skip reads a value of any kind.
func (s *scanner) skip(depth int) bool { //nolint:gocyclo // the grammar of RFC 8259
	s.space()
	if s.at == len(s.text) || depth > maxDepth {
		return false
	}
	switch s.text[s.at] {
	case '"':
		return s.skipString()
	case '{':
		s.at++
		if s.next('}') {
			return true
		}
		for {
			s.space()
			if !s.skipString() || !s.next(':') || !s.skip(depth+1) {
				return false
			}
			if s.next('}') {
				return true
			}
			if !s.next(',') {
				return false
			}
		}
	case '[':
		s.at++
		if s.next(']') {
			return true
		}
		for {
			if !s.skip(depth + 1) {
				return false
			}
			if s.next(']') {
				return true
			}
			if !s.next(',') {
				return false
			}
		}
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) word(word string) bool {
	if len(s.text)-s.at < len(word) || string(s.text[s.at:s.at+len(word)]) != word {
		return false
	}
	s.at += len(word)
	return true
}

// skipString reads a string, with escapes that are well formed.
func (s *scanner) skipString() bool {
	if s.at == len(s.text) || s.text[s.at] != '"' {
		return false
	}
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return true
		case c < ' ':
			return false
		case c == '\\':
			if !s.escape() {
				return false
			}
		}
	}
	return false
}

// escape reads an escape from its backslash to its last character.
func (s *scanner) escape() bool {
	s.at++
	if s.at == len(s.text) {
		return false
	}
	if s.text[s.at] != 'u' {
		return strings.IndexByte(`"\/bfnrt`, s.text[s.at]) >= 0
	}
	if len(s.text)-s.at < 5 {
		return false
	}
	for range 4 {
		s.at++
		if c := s.text[s.at]; (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// number reads a number as RFC 8259 §6 has it, unless it may be too large for a float64.
func (s *scanner) number() bool {
	if s.text[s.at] == '-' {
		s.at++
	}
	whole := s.at
	n := s.digits()
	if n == 0 || n > 1 && s.text[whole] == '0' || n > maxDigits {
		return false
	}
	if s.at < len(s.text) && s.text[s.at] == '.' {
		s.at++
		if s.digits() == 0 {
			return false
		}
	}
	return s.at == len(s.text) || s.text[s.at]|0x20 != 'e'
}

// maxDigits is how many digits a whole number has that a float64 certainly holds.
const maxDigits = 300

// digits reads as many as there are, and returns how many.
func (s *scanner) digits() int {
	a := s.at
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at - a
}
