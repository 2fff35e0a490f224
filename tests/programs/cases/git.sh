# what: git: a made repository: commit, repack by threads, gc, clone, fsck, blame, bisect
# set: quick
# limit: 300
# needs: git
#
# git starts many short processes and a few heavy ones: delta search by several threads over blocks
# of every size. The object names are hashes of the content, so the repository checks itself.
# shellcheck shell=bash

export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=c \
	GIT_COMMITTER_EMAIL=c@example.org GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_DATE='2024-01-01T00:00:00Z' GIT_COMMITTER_DATE='2024-01-01T00:00:00Z'

git init -q -b main made
cd made || exit
git config gc.auto 0
# A history of 400 commits by fast-import, then some by hand.
awk 'BEGIN {
	srand(7)
	for (c = 1; c <= 400; c++) {
		printf "commit refs/heads/main\ncommitter c <c@example.org> %d +0000\n", 1700000000 + c
		printf "data <<E\ncommit %d\nE\n", c
		for (f = 0; f < 4; f++) {
			body = ""
			for (l = 0; l < 60; l++)
				body = body sprintf("line %d of %d: %d\n", l, f, (l * c * (f + 1)) % 97)
			printf "M 100644 inline dir%d/file%d\ndata %d\n%s\n", (c * 7 + f) % 13, (c + f) % 29,
				length(body), body
		}
	}
}' | git fast-import --quiet
git reset -q --hard
for i in 1 2 3 4 5; do
	echo "change $i" >>"dir1/new$i"
	git add .
	git commit -q -m "by hand $i"
done
git switch -q -c side HEAD~3
echo side >side && git add side && git commit -q -m side
git switch -q main && git merge -q -m merge side
git rev-parse HEAD
git log --stat --format='%H %s' | sha256sum
git repack -q -a -d -f --threads=2 --depth=50 --window=50
git gc -q --prune=now
git fsck --full --strict 2>&1
git count-objects -v | grep -v '^size'
git clone -q --no-local --bare . ../copy.git
git -C ../copy.git fsck --full 2>&1
git -C ../copy.git rev-list --objects --all | sort | sha256sum
git grep -c 'of 2: 5' | sha256sum
for file in dir1/*; do git blame -s "$file"; done | sha256sum
git bisect start HEAD HEAD~200 >/dev/null
git bisect run sh -c '! grep -qs "change 3" dir1/new3' | grep -c 'is the first bad commit'
git bisect reset >bisect.log 2>&1
git archive --format=tar HEAD | sha256sum
git status --porcelain
probe_bound git -c pack.threads=2 repack -q -a -d -f
