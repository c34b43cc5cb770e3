package keys

import (
	"crypto/ed25519"
	"errors"
	"math/big"
	"slices"
)

// checkModulus rejects an RSA modulus whose weakness can be seen without
// factoring it: a small factor, or the structure of ROCA (CVE-2017-15361).
//
// Keys made by the affected library have primes of the form k·M + (65537^a mod
// M), M a product of small primes. So such a modulus is a power of 65537 modulo
// each of those primes. The modulus of another key is one for all of them with a
// probability of about 2^-27.
func checkModulus(n *big.Int) error {
	roca := true
	for _, p := range smallPrimes {
		rest := int(new(big.Int).Mod(n, big.NewInt(int64(p.prime))).Int64())
		if rest == 0 {
			return errors.New("must be an RSA key without small factors")
		}
		roca = roca && p.powers[rest]
	}
	if roca {
		return errors.New("must not be an RSA key with the ROCA weakness (CVE-2017-15361): make a new key with another library")
	}
	return nil
}

// smallPrime is a prime, and which of its residues are powers of 65537.
type smallPrime struct {
	prime  int
	powers []bool
}

// smallPrimes are the primes up to 167, which are those of the published test for
// ROCA.
var smallPrimes = func() (all []smallPrime) {
	for n := 2; n <= 167; n++ {
		if slices.ContainsFunc(all, func(p smallPrime) bool { return n%p.prime == 0 }) {
			continue
		}
		p := smallPrime{n, make([]bool, n)}
		for power := 1; !p.powers[power]; power = power * 65537 % n {
			p.powers[power] = true
		}
		all = append(all, p)
	}
	return all
}()

// p25519 is the order of the field of Ed25519, 2^255 - 19; d25519 is its curve's d.
var (
	p25519 = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d25519 = fraction25519(big.NewInt(-121665), big.NewInt(121666))
)

func fraction25519(a, b *big.Int) *big.Int {
	x := new(big.Int).ModInverse(b, p25519)
	return x.Mod(x.Mul(x, a), p25519)
}

// checkEd25519 rejects an Ed25519 public key that is not a point of the curve in
// its canonical encoding (RFC 8032 §5.1.3), or that is a point of a small order,
// for which an attacker can make signatures without a private key.
func checkEd25519(public ed25519.PublicKey) error {
	text := slices.Clone(public)
	sign := text[31] >> 7
	text[31] &= 0x7f
	slices.Reverse(text)
	y := new(big.Int).SetBytes(text)
	if y.Cmp(p25519) >= 0 {
		return errors.New("must be a point of Ed25519 in its canonical encoding")
	}
	// x² = (y² - 1) / (d·y² + 1)
	y2 := new(big.Int).Mul(y, y)
	y2.Mod(y2, p25519)
	one := big.NewInt(1)
	below := new(big.Int).Mul(d25519, y2)
	below.Mod(below.Add(below, one), p25519) // never zero: -1/d is not a square
	x2 := fraction25519(new(big.Int).Sub(y2, one), below)
	x := new(big.Int).ModSqrt(x2, p25519)
	if x == nil || x.Sign() == 0 && sign == 1 {
		return errors.New("must be a point of Ed25519 in its canonical encoding")
	}
	// a point of order 1, 2, 4 or 8 becomes (0, 1) in three doublings
	for range 3 {
		x, y = double25519(x, y)
	}
	if x.Sign() == 0 && y.Cmp(one) == 0 {
		return errors.New("must be an Ed25519 key of a large order")
	}
	return nil
}

// double25519 adds a point to itself: x' = 2xy / (1 + d·x²y²), y' = (y² + x²) / (1 - d·x²y²).
func double25519(x, y *big.Int) (x2, y2 *big.Int) {
	one := big.NewInt(1)
	xy := new(big.Int).Mul(x, y)
	xy.Mod(xy, p25519)
	d := new(big.Int).Mul(xy, xy)
	d.Mod(d.Mul(d, d25519), p25519)
	sum := new(big.Int).Add(new(big.Int).Mul(x, x), new(big.Int).Mul(y, y))
	return fraction25519(new(big.Int).Lsh(xy, 1), new(big.Int).Add(one, d)),
		fraction25519(sum, new(big.Int).Sub(one, d))
}
