package bus

import "time"

// renewToken marks the answer to a renewal.
const renewToken = "renew"

// renew asks for a new credential when half the life of this one is over. The hub's clock decides: the host's own may be wrong.
func (k *link) renew(hubTime time.Time) {
	c, now := k.leaf.user.Load().claims(), time.Now()
	if c.Expires == 0 || hubTime.Before(c.halfLife()) || now.Sub(k.renewed) < min(probeEvery, c.lifetime()/16) {
		return
	}
	k.renewed = now
	k.publish(enrollRequest{Op: opRenew}, renewToken)
}

// takeRenewed puts a new credential in the place of the old one. The link goes on; the new one counts when it is next set up.
func (k *link) takeRenewed(r enrollReply, err error) {
	old := k.leaf.user.Load()
	var u *User
	if err == nil {
		u, err = old.withJWT(r.JWT)
	}
	if err != nil {
		k.leaf.cfg.Log.Warn("the hub does not renew this host's credential", "err", err, "expires", old.Expires())
		return
	}
	k.leaf.user.Store(u)
	k.leaf.cfg.Log.Info("this host's credential was renewed", "expires", u.Expires())
	k.leaf.cfg.OnRenew(u)
}
