package saml

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	_ "crypto/sha1" // of RSA-OAEP's mask, where nothing depends on collisions
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/beevik/etree"
)

// How an assertion may be encrypted. RSA with PKCS #1 v1.5 is not among it: whoever can ask often can read it.
const (
	oaepMGF1 = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p" // the mask is always made with SHA-1
	oaep11   = "http://www.w3.org/2009/xmlenc11#rsa-oaep"
)

// blockMethod is a way to encrypt what is said.
type blockMethod struct {
	key int // bytes
	gcm bool
}

func blockMethods() map[string]blockMethod {
	return map[string]blockMethod{
		"http://www.w3.org/2009/xmlenc11#aes128-gcm":  {16, true},
		"http://www.w3.org/2009/xmlenc11#aes192-gcm":  {24, true},
		"http://www.w3.org/2009/xmlenc11#aes256-gcm":  {32, true},
		"http://www.w3.org/2001/04/xmlenc#aes128-cbc": {16, false},
		"http://www.w3.org/2001/04/xmlenc#aes192-cbc": {24, false},
		"http://www.w3.org/2001/04/xmlenc#aes256-cbc": {32, false},
	}
}

var errDecrypt = errors.New("it cannot be decrypted")

// decrypt gives the assertion in an EncryptedAssertion (XML Encryption 1.1).
func decrypt(el *etree.Element, key *rsa.PrivateKey) (*etree.Element, error) {
	data := child(el, nsEnc, "EncryptedData")
	method, ok := blockMethods()[encryptionMethod(data)]
	wrapped := child(child(data, nsDSig, "KeyInfo"), nsEnc, "EncryptedKey")
	if wrapped == nil {
		wrapped = child(el, nsEnc, "EncryptedKey") // beside the data, as some providers have it
	}
	if !ok || wrapped == nil {
		return nil, errDecrypt
	}
	secret, err := unwrap(wrapped, key)
	if err != nil || len(secret) != method.key {
		return nil, errDecrypt
	}
	plain, err := open(cipherValue(data), secret, method.gcm)
	if err != nil {
		return nil, errDecrypt
	}
	root, err := readDocument(plain)
	if err != nil {
		return nil, err
	}
	nested := !is(root, nsAssertion, "Assertion")
	walk(root, func(el *etree.Element) {
		nested = nested || el != root && (el.Tag == "Assertion" || el.Tag == "EncryptedAssertion" || el.Tag == "Response") ||
			el.Tag == "Signature" && el.Parent() != root
	})
	if nested {
		return nil, errDecrypt
	}
	return root, nil
}

func encryptionMethod(el *etree.Element) string {
	if method := child(el, nsEnc, "EncryptionMethod"); method != nil {
		return attr(method, "Algorithm")
	}
	return ""
}

func cipherValue(el *etree.Element) []byte {
	value := text(child(child(el, nsEnc, "CipherData"), nsEnc, "CipherValue"))
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value), ""))
	if err != nil {
		return nil
	}
	return raw
}

// unwrap gives the key of the data, which was encrypted to ours.
func unwrap(el *etree.Element, key *rsa.PrivateKey) ([]byte, error) {
	method := child(el, nsEnc, "EncryptionMethod")
	options := &rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1}
	if digest := child(method, nsDSig, "DigestMethod"); digest != nil {
		hashes := map[string]crypto.Hash{
			"http://www.w3.org/2000/09/xmldsig#sha1": crypto.SHA1, "http://www.w3.org/2001/04/xmlenc#sha256": crypto.SHA256,
			"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384, "http://www.w3.org/2001/04/xmlenc#sha512": crypto.SHA512,
		}
		if options.Hash = hashes[attr(digest, "Algorithm")]; options.Hash == 0 {
			return nil, errDecrypt
		}
	}
	switch encryptionMethod(el) {
	case oaepMGF1:
	case oaep11:
		const mgf = "http://www.w3.org/2009/xmlenc11#"
		if mask := child(method, mgf, "MGF"); mask != nil {
			masks := map[string]crypto.Hash{mgf + "mgf1sha1": crypto.SHA1, mgf + "mgf1sha256": crypto.SHA256, mgf + "mgf1sha384": crypto.SHA384, mgf + "mgf1sha512": crypto.SHA512}
			if options.MGFHash = masks[attr(mask, "Algorithm")]; options.MGFHash == 0 {
				return nil, errDecrypt
			}
		}
	default:
		return nil, errDecrypt
	}
	return key.Decrypt(nil, cipherValue(el), options)
}

// open decrypts what begins with its initial value.
func open(sealed, key []byte, gcm bool) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errDecrypt
	}
	if gcm {
		sealer, err := cipher.NewGCM(block)
		if err != nil || len(sealed) < sealer.NonceSize() {
			return nil, errDecrypt
		}
		return sealer.Open(nil, sealed[:sealer.NonceSize()], sealed[sealer.NonceSize():], nil)
	}
	if len(sealed) < 2*aes.BlockSize || len(sealed)%aes.BlockSize != 0 {
		return nil, errDecrypt
	}
	plain := make([]byte, len(sealed)-aes.BlockSize)
	cipher.NewCBCDecrypter(block, sealed[:aes.BlockSize]).CryptBlocks(plain, sealed[aes.BlockSize:])
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > aes.BlockSize {
		return nil, errDecrypt
	}
	return plain[:len(plain)-padding], nil
}
