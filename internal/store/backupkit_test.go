package store_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"io"
	"os"
	"testing"
)

func unzipped(t testing.TB, file []byte) []byte {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func zipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if _, err := zip.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func masterKey(t testing.TB, k *kit) []byte {
	t.Helper()
	key, err := os.ReadFile(k.cfg.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// leaks fails the test if the text holds the secret in any usual spelling.
func leaks(t testing.TB, what string, text, secret []byte) {
	t.Helper()
	for _, spelt := range [][]byte{
		secret, []byte(hex.EncodeToString(secret)), []byte(base64.RawStdEncoding.EncodeToString(secret)), []byte(base64.RawURLEncoding.EncodeToString(secret)),
	} {
		if bytes.Contains(text, spelt) {
			t.Errorf("%s holds a secret", what)
		}
	}
}
