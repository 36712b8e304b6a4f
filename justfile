# Everything that a developer of Wattle runs. `just` alone lists it.

set positional-arguments

default:
    @just --list

# the stripped static binary, in ./wattle
build:
    CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o wattle ./cmd/wattle

# every test, as the README says
test *args:
    go test ./... "$@"

# formatting and vet
lint:
    test -z "$(gofmt -l $(git ls-files '*.go'))"
    go vet ./...

# every benchmark, with ratios against a floor or a peer in the same run
bench *args:
    testdata/bench/run.sh "$@"

# rebuild the committed .wasm fixtures from the source beside them (needs node)
fixtures:
    testdata/build.sh

# each decoder's fuzzer, for TIME each
fuzz time="20s":
    testdata/fuzz.sh {{time}}

# build the counter, serve it, and talk to it
demo:
    go run ./cmd/wattle dev ./actors/counter
