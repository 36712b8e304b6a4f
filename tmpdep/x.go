package x
import (
_ "github.com/tetratelabs/wazero"
_ "github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
_ "github.com/nats-io/nats-server/v2/server"
_ "github.com/nats-io/nats.go/micro"
_ "github.com/nats-io/nats.go/jetstream"
_ "github.com/nats-io/jwt/v2"
_ "github.com/spf13/cobra"
_ "github.com/rogpeppe/go-internal/testscript"
_ "pgregory.net/rapid"
_ "github.com/pelletier/go-toml/v2"
_ "github.com/fsnotify/fsnotify"
_ "github.com/gofrs/flock"
_ "golang.org/x/term"
_ "golang.org/x/sync/errgroup"
)
