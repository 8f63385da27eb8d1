package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/store"
)

// authority signs certificates, which are files in dir.
type authority struct {
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	file string // its own certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.key, a.cert, a.file, _ = a.issue(t, "authority", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue signs what is asked for, or lets it sign itself where there is no authority yet.
func (a *authority) issue(t *testing.T, name string, c *x509.Certificate) (key *ecdsa.PrivateKey, cert *x509.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	write := func(file, kind string, content []byte) string {
		path := filepath.Join(a.dir, file)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600))
		return path
	}
	return key, cert, write(name+".crt", "CERTIFICATE", der), write(name+".key", "PRIVATE KEY", secret)
}

// server is how a service behind TLS is set up that takes clients of this authority only,
// and is called localhost and nothing else.
func (a *authority) server(t *testing.T) *tls.Config {
	t.Helper()
	_, _, cert, key := a.issue(t, "server", &x509.Certificate{DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
	}
}

func (a *authority) client(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	_, _, certFile, keyFile = a.issue(t, "client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return certFile, keyFile
}

// inFrontOf puts TLS in front of a service, and returns the port. Greet, if there is one,
// comes before it.
func inFrontOf(t *testing.T, service string, c *tls.Config, greet func(net.Conn) error) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if greet != nil && greet(conn) != nil {
					return
				}
				secured := tls.Server(conn, c)
				if secured.Handshake() != nil { // why is on its way: a connection that breaks would overtake it
					_ = conn.SetReadDeadline(time.Now().Add(time.Second))
					_, _ = io.Copy(io.Discard, conn)
					return
				}
				behind, err := net.Dial("tcp", service)
				if err != nil {
					return
				}
				defer behind.Close()
				go func() {
					_, _ = io.Copy(behind, secured)
					_ = behind.Close()
				}()
				_, _ = io.Copy(secured, behind)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func TestTemporalIsReachedByMutualTLSOnly(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	address := os.Getenv("TEMPORAL_ADDRESS")
	require.NotEmpty(t, address, "no Temporal: run `make test`, or `bin/stack -- go test ./config`")
	port := inFrontOf(t, address, ours.server(t), nil)
	cert, key := ours.client(t)
	strange, strangeKey := others.client(t)
	tests := []struct {
		name string
		give map[string]string
		want []string // in the error; none for a connection
	}{
		{"all as it should be", nil, nil},
		{"the server is of an authority that we do not trust", map[string]string{"SERVER_CA_CERT_PATH": others.file}, []string{"unknown authority", "TEMPORAL_TLS_SERVER_CA_CERT_PATH"}},
		{"no certificate of ours", map[string]string{"CLIENT_CERT_PATH": "", "CLIENT_KEY_PATH": ""}, []string{"certificate required", "TEMPORAL_TLS_CLIENT_CERT_PATH"}},
		{"a certificate that the server does not trust", map[string]string{"CLIENT_CERT_PATH": strange, "CLIENT_KEY_PATH": strangeKey}, []string{"TEMPORAL_TLS_CLIENT_CERT_PATH"}},
		{"another name than the server's", map[string]string{"SERVER_NAME": "temporal.example"}, []string{"temporal.example", "TEMPORAL_TLS_SERVER_NAME"}},
		{"a server without TLS", map[string]string{"ADDRESS": address}, []string{"speaks no TLS", "TEMPORAL_TLS=false"}},
		{"a file that is not there", map[string]string{"CLIENT_CERT_PATH": "/nowhere.crt"}, []string{"/nowhere.crt"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("TEMPORAL_ADDRESS", fmt.Sprintf("localhost:%d", port))
			for name, value := range map[string]string{"SERVER_CA_CERT_PATH": ours.file, "CLIENT_CERT_PATH": cert, "CLIENT_KEY_PATH": key} {
				t.Setenv("TEMPORAL_TLS_"+name, value)
			}
			for name, value := range tt.give {
				if name == "ADDRESS" {
					t.Setenv("TEMPORAL_ADDRESS", value)
					continue
				}
				t.Setenv("TEMPORAL_TLS_"+name, value)
				if value == "" {
					require.NoError(t, os.Unsetenv("TEMPORAL_TLS_"+name))
				}
			}
			c, namespace, err := config.DialTemporal(nil, zap.NewNop())
			if tt.want == nil {
				require.NoError(t, err)
				defer c.Close()
				_, err = c.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
				require.NoError(t, err)
				return
			}
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestPostgresIsReachedByMutualTLSOnly(t *testing.T) {
	t.Parallel()
	ours, others := newAuthority(t), newAuthority(t)
	plain, err := url.Parse(os.Getenv("SLUICE_DATABASE_URL"))
	require.NoError(t, err)
	require.NotEmpty(t, plain.Host, "no Postgres: run `make test`, or `bin/stack -- go test ./config`")
	port := inFrontOf(t, plain.Host, ours.server(t), func(conn net.Conn) error { // who wants TLS asks first
		if _, err := io.ReadFull(conn, make([]byte, 8)); err != nil {
			return err
		}
		_, err := conn.Write([]byte("S"))
		return err
	})
	cert, key := ours.client(t)
	tests := []struct {
		name, host string
		give       map[string]string
		want       []string
	}{
		{"all as it should be", "localhost", nil, nil},
		{"the server is of an authority that we do not trust", "localhost", map[string]string{"sslrootcert": others.file}, []string{"unknown authority", "sslrootcert"}},
		{"no certificate of ours", "localhost", map[string]string{"sslcert": "", "sslkey": ""}, []string{"certificate required", "sslcert"}},
		{"another name than the server's", "127.0.0.1", nil, []string{"127.0.0.1", "sslmode=verify-full"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u := *plain
			u.Host = fmt.Sprintf("%s:%d", tt.host, port)
			q := u.Query()
			for name, value := range map[string]string{"sslmode": "verify-full", "sslrootcert": ours.file, "sslcert": cert, "sslkey": key} {
				q.Set(name, value)
			}
			for name, value := range tt.give {
				q.Set(name, value)
				if value == "" {
					q.Del(name)
				}
			}
			u.RawQuery = q.Encode()
			s, err := store.Open(t.Context(), u.String())
			if tt.want == nil {
				require.NoError(t, err)
				s.Close()
				return
			}
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}
