# what: PHP: extensions loaded with RTLD_DEEPBIND, arrays, regular expressions, XML, SQLite, fork
# set: full
# limit: 300
# needs: php
#
# Debian's PHP loads each extension so that it finds its own libc before anything else: without the
# library's dlopen the first one that frees what PHP gave it ends the process.
# shellcheck shell=bash

cat >work.php <<'PHP'
<?php
$there = strpos(file_get_contents('/proc/self/maps'), getenv('CASE_LIB')) !== false;
file_put_contents(getenv('CASE_PROBE'), ($there ? 'yes' : 'no') . " php (its own maps)\n", FILE_APPEND);

mt_srand(42);
$words = [];
for ($i = 0; $i < 150000; $i++) {
	$w = '';
	for ($j = mt_rand(1, 5); $j > 0; $j--)
		$w .= chr(97 + mt_rand(0, 25));
	$words[$w] = ($words[$w] ?? 0) + $i;
}
ksort($words);
$text = http_build_query($words, '', ';');
echo count($words), ' ', sha1($text), "\n";
echo sha1(preg_replace_callback('/([a-z])=(\d)/', fn($m) => $m[2] . mb_strtoupper($m[1]), $text)), "\n";
echo sha1(gzencode(mb_convert_encoding($text, 'UTF-16', 'UTF-8'), 6)), "\n";

$doc = new DOMDocument('1.0');
$root = $doc->appendChild($doc->createElement('words'));
foreach (array_slice($words, 0, 20000) as $w => $n)
	$root->appendChild($doc->createElement('w', $w))->setAttribute('n', (string)$n);
$again = simplexml_load_string($doc->saveXML());
echo count($again->w), ' ', sha1($again->asXML()), "\n";

$db = new SQLite3(':memory:');
$db->exec('create table t (w text primary key, n integer); begin');
$insert = $db->prepare('insert into t values (?, ?)');
foreach ($words as $w => $n) {
	$insert->bindValue(1, $w);
	$insert->bindValue(2, $n);
	$insert->execute();
}
$db->exec('commit');
echo $db->querySingle('select sum(n * length(w)) from t where w like "%e%"'), "\n";

for ($i = 0; $i < 5; $i++) {
	$pid = pcntl_fork();
	if ($pid == 0) {
		$all = [];
		for ($j = 0; $j < 100000; $j++)
			$all[] = str_repeat('x', $j % 300) . $i;
		exit(strlen(implode('', $all)) % 251);
	}
	pcntl_waitpid($pid, $status);
	echo 'status ', pcntl_wexitstatus($status), ' signal ', pcntl_wifsignaled($status) ? 'yes' : 'no', "\n";
}
PHP
php -d memory_limit=1G -d zend.enable_gc=1 work.php
USE_ZEND_ALLOC=0 php -d memory_limit=1G work.php
