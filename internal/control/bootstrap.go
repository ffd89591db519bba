package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"postern/internal/access"
	"postern/internal/ca"
	"postern/internal/fault"
	"postern/internal/session"
	"postern/internal/store"
	"postern/internal/wire"
)

// instance is what makes this instance itself: made once, at the first start, and the same in all
// replicas.
type instance struct {
	trustDomain string
	macs        session.Keyring // shared: it is replaced when its keys turn
}

// The names of the sealed secrets.
const (
	secretRoot    = "ca-root"
	secretIssuing = "ca-issuing"
	secretGrant   = "grant-key"
	secretMACs    = "session-keys"
	secretSetup   = "setup-code"
)

// defaultGroupName is the first connector group's.
const defaultGroupName = "Default"

// bootstrap reads the instance, and makes first what is not there yet. Two replicas that start on
// an empty database at once end up with the same: whoever comes second reads what the first wrote.
func (c *Control) bootstrap(ctx context.Context) error {
	err := c.store.Read(ctx, func(tx *store.Tx) (err error) {
		c.instance.trustDomain, err = tx.Instance(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("read the instance: %w", err)
	}
	if err := c.openAuthority(ctx); err != nil {
		return fmt.Errorf("open the certificate authority: %w", err)
	}
	if err := c.openKeys(ctx); err != nil {
		return fmt.Errorf("open the signing keys: %w", err)
	}
	return c.openConfiguration(ctx)
}

// secret gives a stored secret, or stores the one that create gives. Nothing is made inside the
// transaction, which others wait for.
func (c *Control) secret(ctx context.Context, name string, create func() ([]byte, error)) (value []byte, err error) {
	err = c.store.Read(ctx, func(tx *store.Tx) (err error) {
		value, err = tx.Secret(ctx, name)
		return err
	})
	if err == nil || !fault.Is(err, fault.KindNotFound) {
		return value, err
	}
	fresh, err := create()
	if err != nil {
		return nil, err
	}
	err = c.store.Write(ctx, func(tx *store.Tx) (err error) {
		value, err = tx.InsertSecretOnce(ctx, name, fresh)
		return err
	})
	return value, err
}

func (c *Control) openAuthority(ctx context.Context) error {
	data, err := c.secret(ctx, secretRoot, func() ([]byte, error) {
		root, err := ca.CreateRoot(c.instance.trustDomain, c.now())
		if err != nil {
			return nil, err
		}
		return root.Marshal()
	})
	if err != nil {
		return err
	}
	root, err := ca.ParseRoot(data)
	if err != nil {
		return err
	}
	_, err = c.secret(ctx, secretIssuing, func() ([]byte, error) {
		issuer, err := ca.CreateIssuing(root, c.now())
		if err != nil {
			return nil, err
		}
		return issuer.Marshal()
	})
	if err != nil {
		return err
	}
	return c.store.Read(ctx, func(tx *store.Tx) error {
		a, err := c.readAuthority(ctx, tx)
		if err == nil {
			c.authority.Store(a)
		}
		return err
	})
}

func (c *Control) openKeys(ctx context.Context) error {
	for _, use := range []sealedKeys{grantKeys, idKeys} {
		if _, err := c.secret(ctx, use.newest, use.fresh); err != nil {
			return err
		}
	}
	_, err := c.secret(ctx, secretMACs, func() ([]byte, error) { return json.Marshal(session.NewKeyring()) })
	if err != nil {
		return err
	}
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		keys, err := c.readSigning(ctx, tx)
		if err == nil {
			c.signing.Store(keys)
		}
		return err
	})
	if err != nil {
		return err
	}
	c.instance.macs = session.Keyring{}.Shared()
	c.turnKeys()
	return nil
}

// openConfiguration makes the default connector group and the first ending, so that a version and
// a sequence number are never zero.
func (c *Control) openConfiguration(ctx context.Context) error {
	err := c.store.Read(ctx, func(tx *store.Tx) error {
		_, err := tx.DefaultConnectorGroup(ctx)
		return err
	})
	if err == nil || !fault.Is(err, fault.KindNotFound) {
		return err
	}
	system := access.Actor{Kind: access.ActorSystem, Name: "first start"}
	err = c.act(ctx, request{by: system, perm: start}, func(ch *change) error {
		if _, err := ch.tx.DefaultConnectorGroup(ctx); !fault.Is(err, fault.KindNotFound) {
			return errOther // another replica was first
		}
		group := access.ConnectorGroup{Meta: ch.fresh(access.PrefixConnectorGroup), Name: defaultGroupName, Default: true}
		if err := ch.tx.InsertConnectorGroup(ctx, &group); err != nil {
			return err
		}
		ch.audit(createConnectorGroup, object{group.Meta, group.Name}, nil, group)
		return ch.end(endingStart, "")
	})
	if errors.Is(err, errOther) {
		return nil
	}
	return err
}

// errOther ends an act that another replica has done already. It is not a refusal.
var errOther = fault.Internal(nil, "another replica has done it")

// endingStart is the kind of the very first ending; it ends nothing.
const endingStart access.EndingKind = "start"

// identityOf gives the identity of a connector.
func (c *Control) identityOf(connector access.ID) wire.Identity {
	return wire.Identity{TrustDomain: c.instance.trustDomain, Role: wire.RoleConnector, ID: string(connector)}
}
