<?php

/*
 * Records what Symfony with LexikJWTAuthenticationBundle and JWTRefreshTokenBundle
 * (gesdinet) answers.
 *
 *     export BUNDLES='LexikJWTAuthenticationBundle 2.20.3, JWTRefreshTokenBundle 1.5.0'
 *     php record.php vendor/autoload.php > recorded.json
 *     php record.php vendor/autoload.php single_use > singleuse.json
 *
 * It needs both bundles, and Doctrine's persistence interfaces. The refresh tokens are in
 * memory. It writes the keys, the users with the hashes that Symfony makes, the rows of the
 * table of refresh tokens after each step, and a request and an answer for each step. The
 * hashes are cheap, so that the test that reads them is cheap.
 */

error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);
require $argv[1];

use Doctrine\Persistence\ObjectManager;
use Gesdinet\JWTRefreshTokenBundle\Doctrine\RefreshTokenRepositoryInterface;
use Gesdinet\JWTRefreshTokenBundle\Model\AbstractRefreshToken;
use Symfony\Bundle\FrameworkBundle\Kernel\MicroKernelTrait;
use Symfony\Component\DependencyInjection\ContainerBuilder;
use Symfony\Component\DependencyInjection\Loader\Configurator\ContainerConfigurator;
use Symfony\Component\HttpFoundation\JsonResponse;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpKernel\Kernel;
use Symfony\Component\PasswordHasher\Hasher\NativePasswordHasher;
use Symfony\Component\Routing\Loader\Configurator\RoutingConfigurator;

const PASSWORD = 'correct horse & battery';
define('SINGLE_USE', in_array('single_use', $argv, true));

class Token extends AbstractRefreshToken
{
}

// Rows is the table of refresh tokens.
class Rows implements ObjectManager, RefreshTokenRepositoryInterface
{
    public array $all = [];

    public function find($className, $id = null) { return null; }
    public function findAll() { return $this->all; }
    public function findBy(array $criteria, ?array $orderBy = null, $limit = null, $offset = null) { return []; }
    public function findOneBy(array $criteria) { return $this->all[$criteria['refreshToken'] ?? ''] ?? null; }
    public function getClassName() { return Token::class; }
    public function findInvalid($datetime = null) { return []; }
    public function persist(object $object) { $this->all[$object->getRefreshToken()] = $object; }
    public function remove(object $object) { unset($this->all[$object->getRefreshToken()]); }
    public function clear() {}
    public function detach(object $object) {}
    public function refresh(object $object) {}
    public function flush() {}
    public function getRepository(string $className) { return $this; }
    public function getMetadataFactory() { return null; }
    public function initializeObject(object $obj) {}
    public function contains(object $object) { return isset($this->all[$object->getRefreshToken()]); }
    public function getClassMetadata(string $className) { return new Metadata(); }
}

class Metadata
{
    public function getName() { return Token::class; }
}

class App extends Kernel
{
    use MicroKernelTrait;

    public static string $dir;
    public static array $users;

    public function getCacheDir(): string { return self::$dir.'/cache'; }
    public function getLogDir(): string { return self::$dir; }
    public function getProjectDir(): string { return self::$dir; }

    public function registerBundles(): iterable
    {
        yield new Symfony\Bundle\FrameworkBundle\FrameworkBundle();
        yield new Symfony\Bundle\SecurityBundle\SecurityBundle();
        yield new Lexik\Bundle\JWTAuthenticationBundle\LexikJWTAuthenticationBundle();
        yield new Gesdinet\JWTRefreshTokenBundle\GesdinetJWTRefreshTokenBundle();
    }

    protected function configureContainer(ContainerConfigurator $c): void
    {
        $c->services()->set('rows', Rows::class)->public();
        $c->services()->set('logger', Psr\Log\NullLogger::class);
        $c->extension('framework', ['secret' => 'x', 'test' => true, 'router' => ['utf8' => true], 'http_method_override' => false]);
        $members = [];
        foreach (self::$users as $u) {
            $members[$u['username']] = ['password' => $u['password'], 'roles' => $u['roles']];
        }
        $c->extension('security', [
            'enable_authenticator_manager' => true,
            'password_hashers' => ['Symfony\Component\Security\Core\User\PasswordAuthenticatedUserInterface' => ['algorithm' => 'auto', 'cost' => 4]],
            'providers' => ['members' => ['memory' => ['users' => $members]]],
            'firewalls' => [
                'login' => [
                    'pattern' => '^/api/login_check', 'stateless' => true,
                    'json_login' => [
                        'check_path' => '/api/login_check',
                        'success_handler' => 'lexik_jwt_authentication.handler.authentication_success',
                        'failure_handler' => 'lexik_jwt_authentication.handler.authentication_failure',
                    ],
                ],
                'api' => [
                    'pattern' => '^/api', 'stateless' => true, 'entry_point' => 'jwt',
                    'jwt' => [], 'refresh_jwt' => ['check_path' => '/api/token/refresh'],
                ],
            ],
            'access_control' => [['path' => '^/api/(login_check|token/refresh)', 'roles' => 'PUBLIC_ACCESS'], ['path' => '^/api', 'roles' => 'IS_AUTHENTICATED_FULLY']],
        ]);
        $c->extension('lexik_jwt_authentication', ['secret_key' => self::$dir.'/private.pem', 'public_key' => self::$dir.'/public.pem']);
        $c->extension('gesdinet_jwt_refresh_token', ['refresh_token_class' => Token::class, 'object_manager' => 'rows', 'single_use' => SINGLE_USE]);
    }

    protected function configureRoutes(RoutingConfigurator $routes): void
    {
        $routes->add('login', '/api/login_check')->methods(['POST']);
        $routes->add('refresh', '/api/token/refresh')->methods(['POST']);
        $routes->add('me', '/api/me')->controller('kernel::me');
    }

    public function me(): JsonResponse
    {
        $user = $this->getContainer()->get('security.token_storage')->getToken()->getUser();

        return new JsonResponse(['username' => $user->getUserIdentifier(), 'roles' => $user->getRoles()]);
    }
}

App::$dir = sys_get_temp_dir().'/record-'.bin2hex(random_bytes(4));
mkdir(App::$dir);
$key = openssl_pkey_new(['private_key_bits' => 2048, 'private_key_type' => OPENSSL_KEYTYPE_RSA]);
openssl_pkey_export($key, $private);
$public = openssl_pkey_get_details($key)['key'];
file_put_contents(App::$dir.'/private.pem', $private);
file_put_contents(App::$dir.'/public.pem', $public);
$bcrypt = new NativePasswordHasher(null, null, 4, PASSWORD_BCRYPT);
App::$users = [
    ['username' => 'ada', 'password' => $bcrypt->hash(PASSWORD), 'roles' => ['ROLE_USER', 'ROLE_ADMIN']],
    ['username' => 'bob', 'password' => password_hash(PASSWORD, PASSWORD_ARGON2ID, ['memory_cost' => 8, 'time_cost' => 1, 'threads' => 1]), 'roles' => ['ROLE_USER']],
];
$app = new App('test', false);
$app->boot();
$rows = $app->getContainer()->get('rows');
$exchanges = [];

function send(string $name, string $method, string $path, $body = null, ?string $token = null): array
{
    global $app, $rows, $exchanges;
    $server = ['REMOTE_ADDR' => '127.0.0.1'];
    if (null !== $token) {
        $server['HTTP_AUTHORIZATION'] = 'Bearer '.$token;
    }
    if (null !== $body) {
        $server['CONTENT_TYPE'] = 'application/json';
    }
    $answer = $app->handle(Request::create($path, $method, [], [], [], $server, null === $body ? null : json_encode($body)));
    $said = json_decode($answer->getContent(), true);
    $exchanges[] = [
        'name' => $name,
        'request' => ['method' => $method, 'path' => $path, 'body' => $body, 'token' => $token],
        'status' => $answer->getStatusCode(),
        'challenge' => $answer->headers->get('WWW-Authenticate', ''),
        'body' => $said,
        'rows' => array_values(array_map(fn ($t) => ['refresh_token' => $t->getRefreshToken(), 'username' => $t->getUsername(), 'valid' => $t->getValid()->getTimestamp()], $rows->all)),
    ];

    return $said ?? [];
}

$now = time();
$ada = send('a login', 'POST', '/api/login_check', ['username' => 'ada', 'password' => PASSWORD]);
send('a login with a hash of argon2', 'POST', '/api/login_check', ['username' => 'bob', 'password' => PASSWORD]);
send('a wrong password', 'POST', '/api/login_check', ['username' => 'ada', 'password' => 'wrong']);
send('an unknown user', 'POST', '/api/login_check', ['username' => 'eve', 'password' => PASSWORD]);
send('a request', 'GET', '/api/me', null, $ada['token']);
send('a request without a token', 'GET', '/api/me');
send('a request with rubbish', 'GET', '/api/me', null, 'rubbish');
send('a refresh', 'POST', '/api/token/refresh', ['refresh_token' => $ada['refresh_token']]);
send('the same refresh again', 'POST', '/api/token/refresh', ['refresh_token' => $ada['refresh_token']]);
send('a refresh with rubbish', 'POST', '/api/token/refresh', ['refresh_token' => 'rubbish']);
send('a refresh without a token', 'POST', '/api/token/refresh', ['other' => 'x']);

// What Lexik makes of a token as Sallyport writes it, signed with the same key.
$encode = fn ($v) => rtrim(strtr(base64_encode(is_string($v) ? $v : json_encode($v, JSON_UNESCAPED_SLASHES)), '+/', '-_'), '=');
$text = $encode(['typ' => 'at+jwt', 'alg' => 'RS256', 'kid' => 'k']).'.'.$encode([
    'iss' => 'https://api.example', 'aud' => 'https://api.example', 'sub' => 'ada', 'jti' => '1', 'sid' => 's', 'tier' => 'standard',
    'iat' => $now, 'nbf' => $now - 10, 'exp' => $now + 3600, 'username' => 'ada', 'roles' => ['ROLE_USER', 'ROLE_ADMIN'],
]);
openssl_sign($text, $signature, $private, OPENSSL_ALGO_SHA256);
send("a request with a token of Sallyport's", 'GET', '/api/me', null, $text.'.'.$encode($signature));

echo json_encode([
    'recorded' => [
        'by' => 'Symfony '.Kernel::VERSION.', '.getenv('BUNDLES').', PHP '.PHP_MAJOR_VERSION.'.'.PHP_MINOR_VERSION.'.'.PHP_RELEASE_VERSION,
        'at' => $now,
        'single_use' => SINGLE_USE,
    ],
    'private_key' => $private,
    'public_key' => $public,
    'password' => PASSWORD,
    'users' => App::$users,
    'exchanges' => $exchanges,
], JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES), "\n";
