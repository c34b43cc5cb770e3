package passwords

import "encoding/binary"

const (
	aspnetLength        = 49 // of version 2, in bytes: a zero, the salt and the key
	aspnetSalt          = 16 // of version 2, and the least of version 3
	aspnetRounds        = 1000
	aspnetHeader        = 13 // of version 3: a one, and three numbers
	aspnetV2, aspnetV3  = 0, 1
	aspnetVersionLength = 1
)

// aspnetDigests are the digests by the first number of version 3.
var aspnetDigests = [...]pbkdf2Digest{sha1PBKDF2, sha256PBKDF2, sha512PBKDF2}

// parseASPNET reads a hash of ASP.NET Identity: padded base64 of one byte for the
// version, and the content of that version.
func parseASPNET(encoded string) (row stored, is bool, err error) {
	b, e := padded.DecodeString(encoded)
	switch {
	case e != nil || len(b) == 0:
		return nil, false, nil //nolint:nilerr // it is another form
	case b[0] == aspnetV2 && len(b) == aspnetLength:
		row, err = sha1PBKDF2.hash(aspnetRounds, secret{
			salt: b[aspnetVersionLength : aspnetVersionLength+aspnetSalt],
			key:  b[aspnetVersionLength+aspnetSalt:],
		})
		return row, true, err
	case b[0] == aspnetV3 && len(b) > aspnetHeader:
		row, err = parseASPNETv3(b[aspnetVersionLength:])
		return row, true, err
	}
	return nil, false, nil
}

// parseASPNETv3 reads the number of a digest, of rounds, and of bytes of salt,
// each as 32 bits with the highest first, and then the salt and the key.
func parseASPNETv3(b []byte) (stored, error) {
	digest, rounds, size := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	b = b[aspnetHeader-aspnetVersionLength:]
	if digest >= uint32(len(aspnetDigests)) {
		return nil, unreadable("aspnet: unknown digest")
	}
	if size < aspnetSalt || size > maxSalt || int(size) > len(b) {
		return nil, unreadable("aspnet: salt out of bounds")
	}
	s := secret{salt: b[:size], key: b[size:]}
	if !inBounds(s.salt, s.key) {
		return nil, unreadable("aspnet: key out of bounds")
	}
	return aspnetDigests[digest].hash(uint64(rounds), s)
}
