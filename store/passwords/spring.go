package passwords

import "encoding/hex"

// What Spring Security's Pbkdf2PasswordEncoder has for its defaults: they are not
// in the hash.
const (
	springRounds, springSalt       = 185_000, 8
	springRoundsV58, springSaltV58 = 310_000, 16
)

func parseSpringPBKDF2(rest string) (stored, error) {
	return parseSpringHex(rest, springSalt, func(s secret) (stored, error) { return sha1PBKDF2.hash(springRounds, s) })
}

func parseSpringPBKDF2v58(rest string) (stored, error) {
	return parseSpringHex(rest, springSaltV58, func(s secret) (stored, error) { return sha256PBKDF2.hash(springRoundsV58, s) })
}

// parseSpringStandard reads what StandardPasswordEncoder wrote, without a secret.
func parseSpringStandard(rest string) (stored, error) {
	return parseSpringHex(rest, springSalt, func(s secret) (stored, error) {
		return digestHash{secret: s, sums: []sum{springStandard}}, nil
	})
}

// parseSpringHex reads a salt of so many bytes and a key of 32, in hexadecimal.
func parseSpringHex(rest string, salt int, build func(secret) (stored, error)) (stored, error) {
	const key = 32
	b, err := hex.DecodeString(rest)
	if err != nil || len(b) != salt+key {
		return nil, unreadable("spring: salt or key malformed")
	}
	return build(secret{salt: b[:salt], key: b[salt:]})
}
