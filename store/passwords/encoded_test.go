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

// foreign are hashes that other programs have made, by what made them. None of
// them shares code with the package, or with x/crypto.
var foreign = []struct{ name, encoded, password string }{
	{"argon2id by the argon2 command of 2017", "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ4$B3ljg47qLmsm3NGbzMTlWHb+FMzDEuVHp6TPRhQCCxY", latin},
	{"argon2id by PHP 8.2", phpLatin, latin},
	{"argon2id by argon2-cffi 21.1, short salt and four lanes", "$argon2id$v=19$m=64,t=1,p=4$TeePkKFc6sg$pgsQ8NYDmgiwK18LvEoR1Q", cyrillic},
	{"argon2id by passlib 1.7.4", passlibShort, latin},
	{"argon2id by Django 3.2", "argon2$argon2id$v=19$m=64,t=2,p=1$M0xMZ1E2TUh6UHhDRW9UMnhYSUhWRg$/bmt6ZMFavuckpBNp2Y6VQ", latin},
	{"argon2i by the argon2 command of 2017", "$argon2i$v=19$m=64,t=3,p=1$c29tZXNhbHQ4$5SpIDxPPQyoaLWBNd9NjzUCGTa1LEhU5", latin},
	{"argon2i by passlib 1.7.4", "$argon2i$v=19$m=64,t=3,p=2$ttYao5QyxhhjbO39vxdizA$WTI/HUVrChy3sv8gsspINQ", latin},
	{"argon2i in Django's form by passlib 1.7.4", "argon2$argon2i$v=19$m=64,t=2,p=1$/x/jfC/lHKP0HoNQipEy5g$jmhbIeP8/W3jF2J42JW5xg", latin},

	{"bcrypt 2a by passlib 1.7.4", bcryptLatin, latin},
	{"bcrypt 2b by passlib 1.7.4", "$2b$04$sCY9rdnepZFv0Ic6qKy43uSvO5ZxWpsHyCeWt6OdMm6k6i/TLO0JC", latin},
	{"bcrypt 2b by pyca/bcrypt 3.2", "$2b$04$kKNXuhAFbtc23QbjDu0ul.WFKKp6SroDLFHYQeQnYp.H4.JkejuJO", cyrillic},
	{"bcrypt 2b by mkpasswd 5.5", "$2b$05$QxCyvec4t5Px9L2uvzC88uOlsL5jztAbClXdl/r7pmrON499qELWC", latin},
	{"bcrypt 2y by PHP 8.2", "$2y$04$i7GFTsBitkOfcIHjVMFmv.H1CDuqgTGBNXRdnesRCYeTYDvJSRC0e", latin},
	{"bcrypt 2y by htpasswd 2.4", "$2y$04$OykcR8N3itT5iOmw5Vv.R.SQsjKN2MR/dceu.okHz7XTtvb4usPd2", latin},
	{"bcrypt by Django 3.2", "bcrypt$$2b$04$kGk924tiWBOUDVhS5g8UqOWgxsV3dG6ddDQ98qB.ye1LOF0i7NQka", latin},
	{"bcrypt_sha256 by Django 3.2", "bcrypt_sha256$$2b$04$qQVZ8xuZw9SNagHLTDzRVOWHeZFc2QLesy4uI.NvIIEbI3JhGemLy", latin},
	{"bcrypt_sha256 by Django 3.2, of 73 bytes", django73, strings.Repeat("a", 73)},

	{"scrypt by passlib 1.7.4", scryptLatin, latin},
	{"scrypt by passlib 1.7.4, of other r and p", "$scrypt$ln=5,r=4,p=3$hZBSSsn5H+N87z3HWKsVog$p8gLRYJfh57VAKOMNj1XEHxW31mj33aKHuIzVWnQVQk", cyrillic},
	{"scrypt by hashlib in Werkzeug's form", "scrypt:16:8:1$Zk3JqP0xYw9LmB7T$58aadcc99fa16ca54aee366328677f1e15ec9482b914bf077835bb297f360882fb73f025b2cc873e52f36b3868c48bd5d307ebf91f46f7ab4ea21d6f8b29cf0e", latin},
	{"scrypt by hashlib with Werkzeug's default cost", "scrypt:32768:8:1$q8VtN2sHc5RkW1dF$408d3500b94512358193e4020d00bedfa043af6681e0618740ce498104dabbb21d1b773e41f922c215c9b8df62115260720a3f6db62a30e9d0974abc84f72014", cyrillic},

	{"PBKDF2-SHA256 by passlib 1.7.4", pbkdf2Latin, latin},
	{"PBKDF2-SHA512 by passlib 1.7.4", "$pbkdf2-sha512$1000$.t/bew9hzJlTqvWes3bufQ$kcnP2vH2paLprFDrd.qq/bVOh8.G1Gtrpbn8zT9gbboyUg8zYHgKx8BqGbq1MUxM7j5EphSX1HHC36fY1iBxaw", cyrillic},
	{"PBKDF2-SHA256 by Django 3.2", "pbkdf2_sha256$1000$S8eIPbIVN8GPKJCeimyFPV$oHdiszpHbv/TpJm2I51a9zbV4QGc+A2a5RWG53eA04s=", cyrillic},
	{"PBKDF2-SHA256 in Django's form by passlib 1.7.4", "pbkdf2_sha256$1000$u8QVDPe1FusL$+F35+mFYZt/71UoXEb4INVAhCuwjBKxnrMvwVktVQDo=", latin},
	{"PBKDF2-SHA256 by hashlib in Django's form", "pbkdf2_sha256$1000$saltysalt$WflvfnUgCenPRd94De/U1Z+thy+Lc6B/6/o+oOlv/as=", latin},
	{"PBKDF2-SHA256 by Werkzeug 2.2", "pbkdf2:sha256:1000$TRjRNk8Ech2FdpwQ$22d350b0139e9da7318a19c0d34f7f4e4706607fed362d7c74160bd80d644799", latin},
	{"PBKDF2-SHA512 by Werkzeug 2.2", "pbkdf2:sha512:1000$gZ4zhcU1$ca1b32f260e259b939294a528ee20d9b3584000cbbbf997bcaba5ed1a0d781cb86e89aa0934b6e987f009a9b310f3875ea8e659cfa7f9f14a6f8c3228468756b", cyrillic},
}

func TestForeignHashes(t *testing.T) {
	t.Parallel()
	h := newHasher(t, cheap)
	for _, test := range foreign {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if renew, err := h.Verify(t.Context(), test.encoded, test.password); !renew || err != nil {
				t.Errorf("Verify = %t, %v, want true, nil", renew, err)
			}
			if renew, err := h.Verify(t.Context(), test.encoded, test.password+" "); renew || !errors.Is(err, passwords.ErrMismatch) {
				t.Errorf("Verify of a wrong password = %t, %v, want false, ErrMismatch", renew, err)
			}
		})
	}
}

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

// A hash as it would be made now is not renewed, whoever made it; Django's
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
	tail53 = "pVYRqbZaFUft2HbqhtG/GeFNzPMXbhB5JmbaZfWJgLaXm2kbm7sGa"
)

// unreadable are strings that a damaged row, a hostile one or another system's
// may hold.
var unreadable = map[string]string{
	"nothing":                     "",
	"a password in the clear":     "secret",
	"a password that cannot be":   "!",
	"only dollars":                "$$$$$$",
	"a prefix and no more":        "$argon2id$",
	"a scheme of crypt(3)":        "$6$rounds=1000$O277NLX2/K7Ofwpi$SZjh//I6kRSbpUvn7ebC29eQJ3YcybyJmOe/UFm021iU0ZH6SWeLtcKflvURwTC4JDsYdbngkKEreyY1NTLeD/",
	"yescrypt":                    "$y$j9T$jmQ1S1UWK4OKnWUCOV4Km/$P0NdDTy87rK3gG4X/pKyyPhynHNwWexTuoO1epUbUf0",
	"PBKDF2 with SHA-1":           "$pbkdf2$1000$2BsDQIhxjnGOsdYag5AyBg$KgZy.RmjRvbHem28oA7dK2.YJh0",
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
	"argon2 with a key that is guessed":     "$argon2id$v=19$m=64,t=1,p=1$" + salt16 + "$AAAA",
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
}

func TestUnreadableHashes(t *testing.T) {
	t.Parallel()
	h := newHasher(t, cheap)
	for name, encoded := range unreadable {
		// Were one of them readable, the context would keep it from being tried.
		renew, err := h.Verify(cancelled(t), encoded, "secret")
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
		if err := passwords.Parse(encoded); err != nil {
			t.Errorf("Parse(%q) = %v", encoded, err)
		}
	}
}

func seed(f *testing.F) {
	f.Helper()
	for _, test := range foreign {
		f.Add(test.encoded)
	}
	for _, encoded := range unreadable {
		if len(encoded) < 1000 {
			f.Add(encoded)
		}
	}
}

// Whatever a row holds: it is unreadable, or what it costs is bounded.
func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, encoded string) {
		if err := passwords.Parse(encoded); err != nil {
			if !errors.Is(err, passwords.ErrFormat) {
				t.Errorf("Parse = %v, want ErrFormat", err)
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
