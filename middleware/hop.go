package middleware

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

var (
	errHop       = errors.New("an entry is no address")
	errForwarded = errors.New("an entry is not as RFC 7239 has it")
	errNoFor     = errors.New("an entry does not say for whom it is")
)

// cutListed takes the last entry off a list.
func cutListed(line string) (rest, entry string, more bool) {
	i := strings.LastIndexByte(line, ',')
	return line[:max(i, 0)], line[i+1:], i >= 0
}

// readHop reads an address: with or without a port, and of IPv6 in brackets or,
// without a port, bare.
func readHop(entry string) (netip.Addr, error) {
	entry = strings.Trim(entry, " \t")
	host := entry
	switch bracket := strings.IndexByte(entry, ']'); {
	case bracket >= 0:
		if entry[0] != '[' || !isPort(entry[bracket+1:]) {
			return netip.Addr{}, errHop
		}
		host = entry[1:bracket]
		if !strings.Contains(host, ":") {
			return netip.Addr{}, errHop
		}
	case strings.Count(entry, ":") == 1:
		i := strings.IndexByte(entry, ':')
		if !isPort(entry[i:]) {
			return netip.Addr{}, errHop
		}
		host = entry[:i]
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" || a.IsUnspecified() {
		return netip.Addr{}, errHop // err would quote what was sent
	}
	return a.Unmap(), nil
}

// isPort reports whether s is empty, or a colon and a port, which may be an
// obfuscated one (RFC 7239 §6.3).
func isPort(s string) bool {
	if s == "" {
		return true
	}
	port, ok := strings.CutPrefix(s, ":")
	if hidden, is := strings.CutPrefix(port, "_"); is {
		return ok && isFieldName(hidden)
	}
	_, err := strconv.ParseUint(port, 10, 16)
	return ok && err == nil
}

// cutElement takes the last forwarded-element off a line of RFC 7239 §4. It
// reads backwards, since only the end of the line is the trusted proxy's own:
// a quote that a client has left open at its beginning swallows nothing.
func cutElement(line string) (rest, element string, more bool) {
	quoted := false
	for i := len(line) - 1; i >= 0; i-- {
		switch {
		case line[i] == ',' && !quoted:
			return line[:i], line[i+1:], true
		case line[i] == '"' && (!quoted || !isEscaped(line, i)):
			quoted = !quoted
		}
	}
	return "", line, false
}

// isEscaped reports whether an odd number of backslashes stands before i.
func isEscaped(s string, i int) bool {
	before := s[:i]
	return (len(before)-len(strings.TrimRight(before, `\`)))%2 == 1
}

// readElement reads whom a forwarded-element is for.
func readElement(element string) (netip.Addr, error) {
	var node string
	found := false
	for rest := strings.Trim(element, " \t"); rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		if !ok || !isFieldName(name) {
			return netip.Addr{}, errForwarded
		}
		value, after, ok := cutValue(after)
		if !ok {
			return netip.Addr{}, errForwarded
		}
		if strings.EqualFold(name, "for") {
			if found { // §4: once
				return netip.Addr{}, errForwarded
			}
			node, found = value, true
		}
		rest = after
	}
	if !found {
		return netip.Addr{}, errNoFor
	}
	if strings.Count(node, ":") > 1 && node[0] != '[' { // §6: IPv6 has brackets
		return netip.Addr{}, errHop
	}
	return readHop(node)
}

// cutValue takes a token or a quoted-string off s, and the semicolon behind it.
func cutValue(s string) (value, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		value, rest, _ = strings.Cut(s, ";")
		// what is no token, a lenient proxy has forgotten to quote
		return value, rest, value != "" && !strings.ContainsAny(value, "\" \t\\,=")
	}
	var text strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			rest = s[i+1:]
			if rest == "" {
				return text.String(), "", true
			}
			return text.String(), rest[1:], rest[0] == ';'
		case '\\':
			i++
			if i == len(s) {
				return "", "", false
			}
		}
		text.WriteByte(s[i])
	}
	return "", "", false
}
