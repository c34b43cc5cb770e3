package passwords_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store/passwords"
)

const (
	latin    = "correct horse & battery+staple%20"
	cyrillic = "пароль 😀"
)

// Hashes that more than one test needs; foreign says who made them.
const (
	bcryptLatin  = "$2a$04$pVYRqbZaFUft2HbqhtG/GeFNzPMXbhB5JmbaZfWJgLaXm2kbm7sGa"
	scryptLatin  = "$scrypt$ln=4,r=8,p=1$9J6Tcq4VonSu9b73nvMegw$G2cYnStxUQWBX+L8fcM/gWM5YKEdTSNi7zlpZiqYu/s"
	pbkdf2Latin  = "$pbkdf2-sha256$1000$oVQK4fz/f691rrUWglCKEQ$7SEJowj6rNrPJHHdvga.9xzsltjcFRBcM/ZOakVPVdg"
	django73     = "bcrypt_sha256$$2b$04$oo9tox8E1oiGyXVXr20RZ.CSGhJqpauB.MRwhB8BKW/scmtouU9la"
	phpLatin     = "$argon2id$v=19$m=64,t=2,p=1$M0tscVhpdWlXZzBxV0ouQw$ZVxe8ok64JsWKDIIjvmrSocQi21+A0z/A2s/MV4GSus"
	passlibShort = "$argon2id$v=19$m=64,t=2,p=1$9p4zJgSA8P5/L2Xsvdeacw$aotOkBm4F5m72H48FK1q/g"
)

func TestEachCharacterOfAKeyCounts(t *testing.T) {
	t.Parallel()
	h := newHasher(t, cheap)
	for name, test := range map[string]struct {
		encoded string
		key     int // how many characters it has
	}{
		"argon2": {phpLatin, 43},
		"bcrypt": {bcryptLatin, 31},
		"scrypt": {scryptLatin, 43},
		"PBKDF2": {pbkdf2Latin, 43},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := len(test.encoded) - test.key; i < len(test.encoded); i++ {
				other := []byte(test.encoded)
				other[i] = 'A'
				if test.encoded[i] == 'A' {
					other[i] = 'B'
				}
				_, err := h.Verify(t.Context(), string(other), latin)
				if !errors.Is(err, passwords.ErrMismatch) && !errors.Is(err, passwords.ErrFormat) {
					t.Errorf("with another character at %d Verify = %v, want ErrMismatch or ErrFormat", i, err)
				}
			}
		})
	}
}

// A hash as it would be made now is not renewed, by any system; Django's
// prefix is not how it would be made.
func TestForeignHashesByTheCurrentParameters(t *testing.T) {
	t.Parallel()
	h := newHasher(t, passwords.Config{Memory: 64, Time: 2, InsecureParameters: true})
	for name, test := range map[string]struct {
		encoded string
		renew   bool
	}{
		"PHP's is current":       {phpLatin, false},
		"with a prefix it isn't": {"argon2" + phpLatin, true},
		"passlib's key is short": {passlibShort, true},
	} {
		if renew, err := h.Verify(t.Context(), test.encoded, latin); renew != test.renew || err != nil {
			t.Errorf("%s: Verify = %t, %v, want %t, nil", name, renew, err, test.renew)
		}
	}
}

// Each of these pairs is one password to the older scheme.
func TestPasswordsThatOlderSchemesConfuse(t *testing.T) {
	t.Parallel()
	h := newHasher(t, cheap)
	const (
		bcrypt72 = "$2b$04$CoyVYUWb0RGRh8RNlUgTFuYUmM25XAO6cL2vEm7QtOeQjEqEMjUhO" // pyca/bcrypt 3.2, of 72 a's
		bcrypt73 = "$2y$04$PShsR1EHu/5rzUiWedItY.pVAZFnShhn2BU15aSHHyKQXjslNczMy" // PHP 8.2, of 73 a's
	)
	a72 := strings.Repeat("a", 72)
	for name, test := range map[string]struct {
		encoded, password string
		want              error
	}{
		"72 bytes are a whole password to bcrypt":        {bcrypt72, a72, nil},
		"a 73rd byte makes another":                      {bcrypt72, a72 + "a", passwords.ErrMismatch},
		"so do thousands more":                           {bcrypt72, strings.Repeat("a", 4096), passwords.ErrMismatch},
		"a character that straddles the bound does":      {bcrypt72, strings.Repeat("a", 71) + "é", passwords.ErrMismatch},
		"what PHP cut short is what is stored":           {bcrypt73, a72, nil},
		"and not what its user typed":                    {bcrypt73, a72 + "a", passwords.ErrMismatch},
		"bcrypt repeats a password after a NUL":          {bcryptLatin, latin + "\x00" + latin, passwords.ErrMismatch},
		"scrypt pads a password with NULs":               {scryptLatin, latin + "\x00\x00", passwords.ErrMismatch},
		"so does PBKDF2":                                 {pbkdf2Latin, latin + "\x00\x00", passwords.ErrMismatch},
		"the rest of a password counts in bcrypt_sha256": {django73, strings.Repeat("a", 74), passwords.ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := h.Verify(t.Context(), test.encoded, test.password); !errors.Is(err, test.want) {
				t.Errorf("Verify = %v, want %v", err, test.want)
			}
		})
	}
}

const (
	salt16 = "AAECAwQFBgcICQoLDA0ODw"
	key32  = "B3ljg47qLmsm3NGbzMTlWHb+FMzDEuVHp6TPRhQCCxY"
	hex32  = "22d350b0139e9da7318a19c0d34f7f4e4706607fed362d7c74160bd80d644799"
	key43  = "4eIz4qErTThc7/mAAX3eMrsNncp0geHwLHGZeqoTXU6"
	tail53 = "pVYRqbZaFUft2HbqhtG/GeFNzPMXbhB5JmbaZfWJgLaXm2kbm7sGa"
)

// unreadable are strings that a damaged row, a malicious one or one of another system
// may hold.
var unreadable = map[string]string{
	"nothing":                     "",
	"a password in the clear":     "secret",
	"a password that cannot be":   "!",
	"only dollars":                "$$$$$$",
	"a prefix and no more":        "$argon2id$",
	"md5-crypt":                   "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
	"yescrypt":                    "$y$j9T$jmQ1S1UWK4OKnWUCOV4Km/$P0NdDTy87rK3gG4X/pKyyPhynHNwWexTuoO1epUbUf0",
	"a very long string":          "$argon2id$v=19$m=64,t=1,p=1$" + salt16 + "$" + strings.Repeat("A", 1<<20),
	"a string that is not ASCII":  "pbkdf2_sha256$1000$sält$" + key32 + "=",
	"a string with a line end":    "$argon2id$v=19$m=64,t=1,p=1$" + salt16 + "$" + key32 + "\n",
	"a string with a NUL byte":    "$argon2id$v=19$m=64,t=1,p=1$" + salt16 + "\x00$" + key32,
	"a string with leading space": " $argon2id$v=19$m=64,t=1,p=1$" + salt16 + "$" + key32,

	"argon2d":                               "$argon2d$v=19$m=64,t=3,p=2$" + salt16 + "$" + key32,
	"argon2 of the first version":           "$argon2id$v=16$m=64,t=1,p=1$" + salt16 + "$" + key32,
	"argon2 without a version":              "$argon2id$m=64,t=1,p=1$" + salt16 + "$" + key32,
	"argon2 without passes":                 "$argon2id$v=19$m=64,t=0,p=1$" + salt16 + "$" + key32,
	"argon2 without threads":                "$argon2id$v=19$m=64,t=1,p=0$" + salt16 + "$" + key32,
	"argon2 without memory":                 "$argon2id$v=19$m=0,t=1,p=1$" + salt16 + "$" + key32,
	"argon2 with too little for its lanes":  "$argon2id$v=19$m=31,t=1,p=4$" + salt16 + "$" + key32,
	"argon2 with 4 TiB":                     "$argon2id$v=19$m=4294967295,t=1,p=1$" + salt16 + "$" + key32,
	"argon2 with a KiB too many":            "$argon2id$v=19$m=262145,t=1,p=1$" + salt16 + "$" + key32,
	"argon2 with a pass too many":           "$argon2id$v=19$m=262144,t=5,p=1$" + salt16 + "$" + key32,
	"argon2 with a thread too many":         "$argon2id$v=19$m=1024,t=1,p=65$" + salt16 + "$" + key32,
	"argon2 with threads that wrap around":  "$argon2id$v=19$m=4096,t=1,p=257$" + salt16 + "$" + key32,
	"argon2 with passes that wrap around":   "$argon2id$v=19$m=64,t=4294967297,p=1$" + salt16 + "$" + key32,
	"argon2 with numbers that wrap around":  "$argon2id$v=19$m=18446744073709551680,t=1,p=1$" + salt16 + "$" + key32,
	"argon2 with a negative number":         "$argon2id$v=19$m=64,t=-1,p=1$" + salt16 + "$" + key32,
	"argon2 with a signed number":           "$argon2id$v=19$m=64,t=+1,p=1$" + salt16 + "$" + key32,
	"argon2 with a leading zero":            "$argon2id$v=19$m=064,t=1,p=1$" + salt16 + "$" + key32,
	"argon2 with its parameters disordered": "$argon2id$v=19$t=1,m=64,p=1$" + salt16 + "$" + key32,
	"argon2 with a parameter missing":       "$argon2id$v=19$m=64,t=1$" + salt16 + "$" + key32,
	"argon2 with a parameter too many":      "$argon2id$v=19$m=64,t=1,p=1,data=AA$" + salt16 + "$" + key32,
	"argon2 with an empty parameter":        "$argon2id$v=19$m=,t=1,p=1$" + salt16 + "$" + key32,
	"argon2 with an empty salt":             "$argon2id$v=19$m=64,t=1,p=1$$" + key32,
	"argon2 with an empty key":              "$argon2id$v=19$m=64,t=1,p=1$" + salt16 + "$",
	"argon2 without a key":                  "$argon2id$v=19$m=64,t=1,p=1$" + salt16,
	"argon2 with something after the key":   "$argon2id$v=19$m=64,t=1,p=1$" + salt16 + "$" + key32 + "$",
	"argon2 with a key of 3 bytes":          "$argon2id$v=19$m=64,t=1,p=1$" + salt16 + "$AAAA",
	"argon2 with a key too long":            "$argon2id$v=19$m=64,t=1,p=1$" + salt16 + "$" + strings.Repeat("A", 88),
	"argon2 with a salt too long":           "$argon2id$v=19$m=64,t=1,p=1$" + strings.Repeat("A", 88) + "$" + key32,
	"argon2 with padded base64":             "$argon2id$v=19$m=64,t=1,p=1$" + salt16 + "==$" + key32 + "=",
	"argon2 with another spelling":          "$argon2id$v=19$m=64,t=1,p=1$AAECAwQFBgcICQoLDA0ODx$" + key32,
	"a prefix of Django around bcrypt":      "argon2$2b$04$" + tail53,

	"bcrypt of one letter less":      "$2$04$" + tail53,
	"bcrypt with PHP's old bug":      "$2x$04$" + tail53,
	"bcrypt below the least cost":    "$2b$03$" + tail53,
	"bcrypt of no cost":              "$2b$00$" + tail53,
	"bcrypt that takes hours":        "$2b$31$" + tail53,
	"bcrypt above the bound":         "$2b$16$" + tail53,
	"bcrypt with a signed cost":      "$2b$+5$" + tail53,
	"bcrypt with a cost of a digit":  "$2b$5$" + tail53,
	"bcrypt that is cut":             "$2b$04$" + tail53[:52],
	"bcrypt that goes on":            "$2b$04$" + tail53 + "a",
	"bcrypt with another alphabet":   "$2b$04$" + tail53[:52] + "+",
	"Django's bcrypt, cut":           "bcrypt_sha256$$2b$04$" + tail53[:50],
	"Django's bcrypt, without a row": "bcrypt$$2",

	"scrypt without cost":                 "$scrypt$ln=0,r=8,p=1$" + salt16 + "$" + key32,
	"scrypt with a block size of 0":       "$scrypt$ln=4,r=0,p=1$" + salt16 + "$" + key32,
	"scrypt with a parallelism of 0":      "$scrypt$ln=4,r=8,p=0$" + salt16 + "$" + key32,
	"scrypt with too much memory":         "$scrypt$ln=19,r=8,p=1$" + salt16 + "$" + key32,
	"scrypt with a shift that overflows":  "$scrypt$ln=64,r=8,p=1$" + salt16 + "$" + key32,
	"scrypt with a huge cost":             "$scrypt$ln=4294967295,r=8,p=1$" + salt16 + "$" + key32,
	"scrypt with a huge block":            "$scrypt$ln=1,r=1048576,p=1$" + salt16 + "$" + key32,
	"scrypt with a huge parallelism":      "$scrypt$ln=1,r=1,p=1048576$" + salt16 + "$" + key32,
	"scrypt with more work than memory":   "$scrypt$ln=16,r=8,p=5$" + salt16 + "$" + key32,
	"scrypt with other names":             "$scrypt$n=16,r=8,p=1$" + salt16 + "$" + key32,
	"scrypt with an empty salt":           "$scrypt$ln=4,r=8,p=1$$" + key32,
	"scrypt with a key cut":               "$scrypt$ln=4,r=8,p=1$" + salt16 + "$AAAA",
	"Werkzeug's scrypt, N not a power":    "scrypt:17:8:1$salt$" + hex32,
	"Werkzeug's scrypt, N of 1":           "scrypt:1:8:1$salt$" + hex32,
	"Werkzeug's scrypt, a parameter less": "scrypt:16:8$salt$" + hex32,
	"Werkzeug's scrypt, no number":        "scrypt:16:8:x$salt$" + hex32,
	"Werkzeug's scrypt, no salt":          "scrypt:16:8:1$$" + hex32,
	"Werkzeug's scrypt, key not hex":      "scrypt:16:8:1$salt$" + key32,
	"Werkzeug's scrypt, only parameters":  "scrypt:16:8:1",

	"PBKDF2 without rounds":           "$pbkdf2-sha256$0$" + salt16 + "$" + strings.ReplaceAll(key32, "+", "."),
	"PBKDF2 with rounds for years":    "$pbkdf2-sha256$4294967295$" + salt16 + "$" + strings.ReplaceAll(key32, "+", "."),
	"PBKDF2 with a round too many":    "$pbkdf2-sha256$4000001$" + salt16 + "$" + strings.ReplaceAll(key32, "+", "."),
	"PBKDF2 with another base64":      "$pbkdf2-sha256$1000$" + salt16 + "$" + key32,
	"PBKDF2 with the key of SHA-256":  "$pbkdf2-sha512$1000$" + salt16 + "$" + strings.ReplaceAll(key32, "+", "."),
	"PBKDF2 with a key cut":           "$pbkdf2-sha256$1000$" + salt16 + "$AAECAwQFBgcICQoLDA0ODw",
	"PBKDF2 with rounds only":         "$pbkdf2-sha256$1000",
	"Django's, with an empty salt":    "pbkdf2_sha256$1000$$" + key32 + "=",
	"Django's, with an empty key":     "pbkdf2_sha256$1000$salt$",
	"Django's, without padding":       "pbkdf2_sha256$1000$salt$" + key32,
	"Django's, with rounds in words":  "pbkdf2_sha256$many$salt$" + key32 + "=",
	"Werkzeug's, without rounds":      "pbkdf2:sha256$salt$" + hex32,
	"Werkzeug's, with an odd key":     "pbkdf2:sha256:1000$salt$" + hex32[:63],
	"Werkzeug's, with another digest": "pbkdf2:md5:1000$salt$" + hex32,
	"passlib's SHA-1, a byte short":   "$pbkdf2$1000$2BsDQIhxjnGOsdYag5AyBg$KgZy.RmjRvbHem28oA7dK2.YJ",

	"Spring's password in the clear":        "{noop}secret",
	"Spring's encoder that is unknown":      "{sha512}" + hex32,
	"Spring's encoder without a hash":       "{bcrypt}",
	"Spring's bcrypt within itself":         "{bcrypt}{bcrypt}$2b$04$" + tail53,
	"Spring's PBKDF2, cut":                  "{pbkdf2}" + hex32,
	"Spring's PBKDF2 with the longer salt":  "{pbkdf2}" + hex32 + hex32[:32],
	"Spring's PBKDF2 with the shorter salt": "{pbkdf2@SpringSecurity_v5_8}" + hex32 + hex32[:16],
	"Spring's scrypt, without parameters":   "{scrypt}$$c2FsdA==$" + key32 + "=",
	"Spring's scrypt, of N = 2^63":          "{scrypt}$3f0801$c2FsdA==$" + key32 + "=",
	"Spring's scrypt, of N = 2^255":         "{scrypt}$ff0801$c2FsdA==$" + key32 + "=",
	"Spring's scrypt, of r = 0":             "{scrypt}$e0001$c2FsdA==$" + key32 + "=",
	"Spring's scrypt, more than 24 bits":    "{scrypt}$1000e0801$c2FsdA==$" + key32 + "=",
	"Spring's digest of another length":     "{MD5}{salt}" + hex32,
	"Spring's digest with an endless salt":  "{SHA-256}{" + strings.Repeat("a", 64) + "}" + hex32,
	"Spring's digest with an open brace":    "{SHA-256}{salt" + hex32,
	"Django's scrypt, a parameter less":     "scrypt$16$salt$8$" + key32 + "=",
	"Django's scrypt, too much work":        "scrypt$262144$salt$8$5$" + key32 + "=",
	"a digest with half a key":              "sha1$salt$" + hex32[:20],
	"a digest of another length":            "sha1$salt$" + hex32,
	"a digest without a salt":               "sha256$$" + hex32,
	"a digest with an endless salt":         "sha256$" + strings.Repeat("a", 65) + "$" + hex32,
	"a bare SHA-256":                        hex32,
	"a bare SHA-1":                          hex32[:40],
	"a bare MD5 with a digit more":          hex32[:33],
	"sha-crypt of few rounds":               "$5$rounds=999$salt$" + key43,
	"sha-crypt that takes hours":            "$5$rounds=999999999$salt$" + key43,
	"sha-crypt of a round too many":         "$5$rounds=1000001$salt$" + key43,
	"sha-crypt with a leading zero":         "$5$rounds=05000$salt$" + key43,
	"sha-crypt with rounds only":            "$5$rounds=5000",
	"sha-crypt without a salt":              "$5$$" + key43,
	"sha-crypt with a long salt":            "$5$" + strings.Repeat("a", 17) + "$" + key43,
	"sha-crypt with the key of the other":   "$6$salt$" + key43,
	"passlib's bcrypt-sha256, version 3":    "$bcrypt-sha256$v=3,t=2b,r=12$" + tail53[:22] + "$" + tail53[22:],
	"passlib's bcrypt-sha256, cost of 99":   "$bcrypt-sha256$v=2,t=2b,r=99$" + tail53[:22] + "$" + tail53[22:],
	"passlib's bcrypt-sha256, of 2x":        "$bcrypt-sha256$2x,12$" + tail53[:22] + "$" + tail53[22:],
	"passlib's bcrypt-sha256, salt cut":     "$bcrypt-sha256$2b,12$" + tail53[:21] + "$" + tail53[21:],
	"passlib's bcrypt-sha256, no cost":      "$bcrypt-sha256$2b$" + tail53[:22] + "$" + tail53[22:],
	"ASP.NET's version 2, cut":              "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggE=",
	"ASP.NET's version 3, cut":              "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4A=",
	"ASP.NET's version 3, header only":      "AQAAAAIAAAAyAAAAEA==",
	"ASP.NET's version 3, a short salt":     "AQAAAAIAAAAyAAAACOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw",
	"ASP.NET's version 3, a salt of 4 GiB":  "AQAAAAIAAAAy/////+Mwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw",
	"ASP.NET's version 3, digest 3":         "AQAAAAMAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw",
	"ASP.NET's version 3, no rounds":        "AQAAAAIAAAAAAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw",
	"ASP.NET's version 3, 2^32 rounds":      "AQAAAAL/////AAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw",
	"ASP.NET's version 4":                   "BAAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw",
}

func TestUnreadableHashes(t *testing.T) {
	t.Parallel()
	h := newHasher(t, cheap)
	for name, encoded := range unreadable {
		if err := passwords.Check(encoded); !errors.Is(err, passwords.ErrFormat) {
			t.Errorf("%s: Check = %v, want ErrFormat", name, err)
			continue // what is read may cost much
		}
		renew, err := h.Verify(t.Context(), encoded, "secret")
		if renew || !errors.Is(err, passwords.ErrFormat) {
			t.Errorf("%s: Verify = %t, %v, want false, ErrFormat", name, renew, err)
		}
		if len(err.Error()) > 100 {
			t.Errorf("%s: the error is as long as the hash: %v", name, err)
		}
	}
}

// What is just within bounds is read; whether it is verified costs too much to
// try.
func TestTheBoundsThemselvesAreReadable(t *testing.T) {
	t.Parallel()
	ab64 := strings.ReplaceAll(key32, "+", ".")
	for _, encoded := range []string{
		"$argon2id$v=19$m=262144,t=4,p=1$" + salt16 + "$" + key32,
		"$argon2id$v=19$m=8,t=131072,p=1$" + salt16 + "$" + key32,
		"$argon2i$v=19$m=512,t=1,p=64$AA$" + strings.Repeat("A", 86),
		"$argon2i$v=19$m=8,t=1,p=1$" + strings.Repeat("A", 86) + "$" + salt16,
		"$2a$15$" + tail53,
		"$scrypt$ln=18,r=8,p=1$" + salt16 + "$" + key32,
		"scrypt:2:32:32$s$" + hex32,
		"$pbkdf2-sha256$4000000$" + salt16 + "$" + ab64,
		"pbkdf2:sha256:1$s$" + strings.ToUpper(hex32),
	} {
		if err := passwords.Check(encoded); err != nil {
			t.Errorf("Check(%q) = %v", encoded, err)
		}
	}
}

func seed(f *testing.F) {
	f.Helper()
	for _, test := range foreign(f) {
		f.Add(test.Hash)
	}
	for _, encoded := range unreadable {
		if len(encoded) < 1000 {
			f.Add(encoded)
		}
	}
}

// Whatever a row holds: it is unreadable, or what it costs is bounded.
func FuzzCheck(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, encoded string) {
		if err := passwords.Check(encoded); err != nil {
			if !errors.Is(err, passwords.ErrFormat) {
				t.Errorf("Check = %v, want ErrFormat", err)
			}
			return
		}
		if kib, work := passwords.Cost(encoded); kib > 256<<10 || work > 4_000_000 || work == 0 {
			t.Errorf("%d KiB and %d units of work are read as within bounds", kib, work)
		}
	})
}

// Whatever a row holds: Verify neither panics, nor takes the row for a hash of
// two passwords, nor says of a readable one that it could not tell.
func FuzzVerify(f *testing.F) {
	seed(f)
	h := newHasher(f, cheap)
	f.Fuzz(func(t *testing.T, encoded string) {
		if _, work := passwords.Cost(encoded); work > 5000 {
			return
		}
		matches := 0
		for _, password := range []string{latin, cyrillic} {
			switch _, err := h.Verify(t.Context(), encoded, password); {
			case err == nil:
				matches++
			case !errors.Is(err, passwords.ErrMismatch) && !errors.Is(err, passwords.ErrFormat):
				t.Errorf("Verify = %v, want ErrMismatch or ErrFormat", err)
			}
		}
		if matches == 2 {
			t.Error("two passwords match")
		}
	})
}
