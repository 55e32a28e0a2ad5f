# Builds the package of a version: build.sh VERSION DIRECTORY
version=$1 packages=$2
mkdir -p "$packages"
work=$(mktemp -d)
mkdir "$work/web"
printf '%s\n' "$version" >"$work/web/VERSION"
printf '<!doctype html><title>web %s</title>\n' "$version" >"$work/web/index.html"
package=$packages/web-$version.tar.gz
# The same input gives the same bytes: no names, no times.
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$work" -cf - web | gzip -n >"$package.new"
mv "$package.new" "$package"
rm -r "$work"
printf 'path=%s\nsha256=%s\n' "$package" "$(sha256sum "$package" | cut -d ' ' -f 1)" >"$FLOW_OUTPUT"
