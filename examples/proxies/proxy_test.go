package proxies_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/examples/internal/processtest"
)

// programs are the proxies.
var programs = []processtest.Program{
	processtest.Nginx("testdata/nginx.conf"),
	{Name: "haproxy", Config: "testdata/haproxy.cfg", Args: func(file string) []string { return []string{"-q", "-f", file} }},
	{Name: "caddy", Config: "testdata/Caddyfile", Args: func(file string) []string {
		return []string{"run", "--adapter", "caddyfile", "--config", file}
	}},
}

// front is an address at which a proxy listens, and the host behind it.
type front struct {
	Listen  string
	TLS     bool
	Socket  string // of the host; empty: the host is reached by its Address
	Address string
}

func (f front) String() string {
	text := "http to "
	if f.TLS {
		text = "https to "
	}
	if f.Socket != "" {
		return text + "a socket"
	}
	return text + "an address"
}

// start runs a proxy in front of a host, until the test ends.
func start(t *testing.T, p processtest.Program, h *host) []front {
	t.Helper()
	dir := processtest.Dir(t)
	writeCertificate(t, dir)
	var fronts []front
	p.Start(t, dir, func() (any, []string) {
		fronts = nil
		var addresses []string
		for _, secure := range []bool{false, true} {
			for _, socket := range []string{"", h.socket} {
				f := front{Listen: processtest.FreeAddress(t), TLS: secure, Socket: socket, Address: h.address}
				fronts, addresses = append(fronts, f), append(addresses, f.Listen)
			}
		}
		return map[string]any{"Dir": dir, "Root": os.Geteuid() == 0, "Fronts": fronts}, addresses
	})
	return fronts
}

// writeCertificate writes a certificate for 127.0.0.1 as each proxy reads it.
func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	what := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "proxy"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, what, what, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	for name, text := range map[string][]byte{
		"cert.pem": certPEM, "key.pem": keyPEM, "both.pem": slices.Concat(certPEM, keyPEM),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
