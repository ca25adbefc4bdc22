//! The lists of names, the most common first, and the short forms of given names.

#[rustfmt::skip]
pub(super) const HISPANIC_LAST: &[&str] = &[
    "Hernandez", "Garcia", "Lopez", "Martinez", "Gonzalez", "Rodriguez", "Perez", "Ramirez", "Sanchez", "Flores",
    "Cruz", "Gomez", "Morales", "Reyes", "Torres", "Rivera", "Vasquez", "Diaz", "Gutierrez", "Castillo", "Mendoza",
    "Jimenez", "Ruiz", "Aguilar", "Ortiz", "Alvarez", "Castro", "Chavez", "Romero", "Moreno", "Herrera", "Medina",
    "Nuñez", "Peña", "Muñoz", "Guzman", "Vargas", "Salazar", "Contreras", "Ortega", "Mejia", "Guerrero", "Rojas",
    "Estrada", "Juarez", "Avila", "Dominguez", "Soto", "Silva", "Delgado", "Vega", "Velasquez", "Rios", "Luna",
    "Navarro", "Campos", "Sandoval", "Maldonado", "Cervantes", "Valdez", "Ramos", "Santos", "Ayala", "Carrillo",
    "Cabrera", "Espinoza", "Mendez", "Padilla", "Lara", "Fuentes", "Escobar", "Orellana", "Alfaro", "Argueta",
    "Portillo", "Barrera", "Zamora", "Ibañez", "Bolaños", "Quiñones", "Cedeño", "Magaña", "Acuña", "Zúñiga",
    "Ordoñez", "Córdova", "León", "Macías", "Trujillo", "Cárdenas", "Galván", "Salinas", "Serrano", "Solis", "Suarez",
    "Tapia", "Trejo", "Valencia", "Valenzuela", "Villanueva", "Zavala", "Arellano", "Arroyo", "Barajas", "Bautista",
    "Becerra", "Benitez", "Bravo", "Calderon", "Camacho", "Cisneros", "Corona", "Duran", "Enriquez", "Esquivel",
    "Franco", "Gallegos", "Ibarra", "Lozano", "Marin", "Mora", "Murillo", "Ochoa", "Olivares", "Osorio", "Pacheco",
    "Palacios", "Quintero", "Rangel", "Rosales", "Rubio", "Saldaña", "Tovar", "Urbina", "Villegas", "Zepeda",
];

#[rustfmt::skip]
pub(super) const GENERAL_LAST: &[&str] = &[
    "Johnson", "Williams", "Smith", "Brown", "Jones", "Davis", "Jackson", "Miller", "Wilson", "Thomas", "Anderson",
    "Taylor", "Moore", "White", "Harris", "Robinson", "Lewis", "Walker", "Martin", "Thompson", "Scott", "Green",
    "Young", "Allen", "Wright", "King", "Hill", "Adams", "Baker", "Carter", "Mitchell", "Turner", "Phillips",
    "Campbell", "Parker", "Evans", "Edwards", "Collins", "Stewart", "Morris", "Rogers", "Reed", "Cook", "Bell",
    "Murphy", "Bailey", "Cooper", "Richardson", "Howard", "Ward", "Watson", "Brooks", "Bennett", "Gray", "James",
    "Hughes", "Price", "Myers", "Foster", "Sanders", "Ross", "Powell", "Sullivan", "Russell", "Coleman", "Jenkins",
    "Perry", "Butler", "Barnes", "Fisher", "Henderson", "Simmons", "Patterson", "Jordan", "Reynolds", "Hamilton",
    "Graham", "Wallace", "Cole", "West", "Hayes", "Gibson", "Ford", "Ellis", "Harrison", "Marshall", "Owens",
    "McDonald", "Kennedy", "Wells", "Dixon", "Hunt", "Palmer", "Webb", "Mason", "Porter", "Hicks", "Crawford", "Boyd",
    "Warren", "O'Connor", "O'Brien", "Goldberg", "Cohen", "Levy", "Rosen", "Katz", "Shapiro", "Friedman", "Schwartz",
    "Novak", "Petrov", "Ivanov", "Rossi", "Müller", "Désir", "François", "Beauchamp", "Okafor", "Mensah",
];

#[rustfmt::skip]
pub(super) const ASIAN_LAST: &[&str] = &[
    "Kim", "Lee", "Nguyen", "Chen", "Park", "Wong", "Wang", "Choi", "Tran", "Li", "Liu", "Chang", "Lin", "Huang",
    "Patel", "Singh", "Zhang", "Le", "Pham", "Wu", "Yang", "Jung", "Kang", "Cho", "Chan", "Ho", "Vo", "Lam", "Khan",
    "Shah", "Tanaka", "Yamamoto", "Nakamura", "Sato", "Ito", "Suzuki", "Watanabe", "Kobayashi", "Sok", "Chea", "Keo",
    "Ahmed", "Rahman", "Hossain", "Sharma", "Gupta", "Kumar", "Oh", "Shin", "Yoon", "Lim", "Hwang", "Truong", "Bui",
];

#[rustfmt::skip]
pub(super) const FILIPINO_LAST: &[&str] = &[
    "Santos", "Reyes", "Cruz", "Bautista", "Ocampo", "Dela Cruz", "Villanueva", "Aquino", "Mercado", "Pascual",
    "Santiago", "De Leon", "Manalo", "Dizon", "Tolentino", "Magsaysay", "Pangilinan", "Macaraeg", "Dimaculangan",
    "Evangelista", "Salonga", "Lacson", "Bondoc", "Abad", "Alcantara", "Agbayani", "Cayabyab", "Galang", "Panganiban",
];

#[rustfmt::skip]
pub(super) const ARMENIAN_LAST: &[&str] = &[
    "Hakobyan", "Grigoryan", "Sargsyan", "Harutyunyan", "Petrosyan", "Karapetyan", "Khachatryan", "Manukyan",
    "Hovhannisyan", "Martirosyan", "Avetisyan", "Gevorgyan", "Mkrtchyan", "Poghosyan", "Simonyan", "Abrahamian",
    "Keshishian", "Bedrosian", "Gharibian", "Minasyan", "Stepanyan", "Vardanyan", "Tehrani", "Hosseini", "Moradi",
];

#[rustfmt::skip]
pub(super) const PACIFIC_LAST: &[&str] = &[
    "Leota", "Faleafine", "Tauiliili", "Sopoaga", "Kealoha", "Tuiasosopo", "Mataele", "Fonoti", "Vaipulu", "Ioane",
];

#[rustfmt::skip]
pub(super) const HISPANIC_FEMALE: &[&str] = &[
    "Maria", "Guadalupe", "Jocelyn", "Daniela", "Alejandra", "Esmeralda", "Kimberly", "Valeria", "Fernanda", "Ximena",
    "Citlali", "Marisol", "Karina", "Yesenia", "Rosa", "Leslie", "Evelyn", "Brenda", "Xiomara", "Itzel", "Paola",
    "Mariana", "Gabriela", "Yaretzi", "Lizbeth", "Dulce", "Andrea", "Carolina", "Beatriz", "Sofía", "Lucía", "María",
    "Inés", "Belén", "Araceli", "Perla", "Monserrat", "Jacqueline", "Wendy", "Vanessa", "Ana", "Natalia", "Camila",
    "Isabella", "Aracely", "Noemí",
];

#[rustfmt::skip]
pub(super) const HISPANIC_MALE: &[&str] = &[
    "Jose", "Luis", "Juan", "Angel", "Jesus", "Carlos", "Miguel", "Diego", "Jorge", "Alejandro", "Eduardo",
    "Fernando", "Francisco", "Oscar", "Ricardo", "Javier", "Manuel", "Cesar", "Erick", "Sergio", "Edgar", "Roberto",
    "Ivan", "Mario", "Pedro", "Rafael", "Hector", "Antonio", "José", "Jesús", "Andrés", "Adrián", "Ramón", "Raúl",
    "Óscar", "Emiliano", "Santiago", "Leonardo", "Brayan", "Axel", "Saul", "Omar", "Abraham", "Ulises", "Gustavo",
    "Rubén",
];

#[rustfmt::skip]
pub(super) const GENERAL_FEMALE: &[&str] = &[
    "Emily", "Ashley", "Samantha", "Jennifer", "Elizabeth", "Natalie", "Michelle", "Stephanie", "Jessica", "Sophia",
    "Mia", "Emma", "Abigail", "Madison", "Olivia", "Hannah", "Alyssa", "Melissa", "Victoria", "Katherine", "Angelina",
    "Jasmine", "Nicole", "Rachel", "Sarah", "Chloe", "Zoë", "Renée", "Chloé", "Kayla", "Destiny", "Brianna", "Imani",
    "Jada", "Nia", "Aaliyah", "Faith", "Grace", "Lauren", "Megan", "Rebecca", "Amanda", "Christina", "Margaret",
    "Alexandra", "Danielle", "Kylie", "Naomi", "Ruby", "Genesis", "Melanie", "Deborah", "Patricia", "Susan",
];

#[rustfmt::skip]
pub(super) const GENERAL_MALE: &[&str] = &[
    "Anthony", "Daniel", "David", "Jonathan", "Christopher", "Andrew", "Joshua", "Michael", "Matthew", "Alexander",
    "Kevin", "Brandon", "Joseph", "Christian", "Nathan", "Adrian", "Jacob", "Ethan", "Ryan", "William", "James",
    "Nicholas", "Robert", "Benjamin", "Samuel", "Elijah", "Noah", "Isaiah", "Malik", "Jayden", "Dylan", "Tyler",
    "Justin", "Steven", "Richard", "Edward", "Thomas", "Gregory", "Timothy", "Zachary", "Marcus", "Xavier", "Julian",
    "Aaron", "Vincent", "Eric", "Jordan", "Theodore", "Lawrence", "Patrick", "Kenneth", "Noël", "André", "Gabriel",
];

#[rustfmt::skip]
pub(super) const ASIAN_FEMALE: &[&str] = &[
    "Mei", "Linh", "Thao", "Yuna", "Minji", "Priya", "Ananya", "Yuki", "Hana", "Jia", "Xin", "Soo-Jin", "Fatima",
    "Aisha", "Sreymom", "Lan",
];

#[rustfmt::skip]
pub(super) const ASIAN_MALE: &[&str] = &[
    "Minh", "Wei", "Jun", "Hao", "Duc", "Tuan", "Jin", "Kenji", "Hiro", "Arjun", "Rohan", "Min-Jun", "Sokha", "Tariq",
    "Rahul", "Long",
];

#[rustfmt::skip]
pub(super) const ARMENIAN_FEMALE: &[&str] = &[
    "Ani", "Lilit", "Anahit", "Mariam", "Nare", "Arpi", "Nazeli", "Shirin",
];

#[rustfmt::skip]
pub(super) const ARMENIAN_MALE: &[&str] = &[
    "Armen", "Hayk", "Narek", "Tigran", "Vahe", "Gor", "Davit", "Arash",
];

#[rustfmt::skip]
pub(super) const RARE_START: &[&str] = &[
    "Al", "Bar", "Cal", "Del", "Es", "Fal", "Gal", "Her", "Iz", "Jar", "Lar", "Mar", "Nar", "Or", "Pal", "Quir",
    "Rin", "Sal", "Tam", "Ur", "Val", "Ver", "Vil", "Zal", "Zur", "Man", "Mon", "Can", "Cor", "Ben",
];

#[rustfmt::skip]
pub(super) const RARE_MIDDLE: &[&str] = &[
    "ba", "ca", "de", "fi", "ga", "la", "ma", "na", "pa", "ra", "sa", "ta", "va", "zo", "ri", "lo", "mi", "te", "qui",
    "cha", "do", "be", "go", "ve",
];

#[rustfmt::skip]
pub(super) const RARE_END: &[&str] = &[
    "rez", "ndez", "les", "nte", "do", "gui", "rra", "stro", "ña", "ñez", "ga", "no", "ro", "ta", "ves", "mar", "cho",
    "lla",
];

#[rustfmt::skip]
pub(super) const RARE_STEM: &[&str] = &[
    "Ash", "Black", "Bran", "Brook", "Carl", "Chester", "Clay", "Crom", "Dal", "Den", "East", "Edge", "Fair", "Gar",
    "Glen", "Hal", "Hart", "Hol", "Kings", "Lang", "Lin", "Mar", "Mer", "Nor", "Oak", "Pem", "Pres", "Rad", "Red",
    "Ship", "Stan", "Stock", "Thorn", "Wake", "Whit", "Wood", "Win", "Wal", "Roth", "Stein",
];

#[rustfmt::skip]
pub(super) const RARE_SUFFIX: &[&str] = &[
    "well", "ford", "ton", "ley", "worth", "field", "man", "son", "ham", "brook", "by", "wood", "more", "stone",
    "water", "land", "berg", "bury", "combe", "dale", "gate", "hurst", "mond", "ridge", "shaw", "smith", "stead",
    "wick",
];

#[rustfmt::skip]
pub(super) const NICKNAMES: &[(&str, &str)] = &[
    ("Robert", "Bob"), ("Elizabeth", "Liz"), ("Jose", "Pepe"), ("José", "Pepe"), ("William", "Bill"),
    ("Michael", "Mike"), ("Christopher", "Chris"), ("Anthony", "Tony"), ("Daniel", "Danny"), ("David", "Dave"),
    ("Jonathan", "Jon"), ("Andrew", "Andy"), ("Joshua", "Josh"), ("Matthew", "Matt"), ("Alexander", "Alex"),
    ("Joseph", "Joe"), ("Christian", "Chris"), ("Nathan", "Nate"), ("Jacob", "Jake"), ("James", "Jim"),
    ("Nicholas", "Nick"), ("Benjamin", "Ben"), ("Samuel", "Sam"), ("Elijah", "Eli"), ("Steven", "Steve"),
    ("Richard", "Rick"), ("Edward", "Ed"), ("Thomas", "Tom"), ("Gregory", "Greg"), ("Timothy", "Tim"),
    ("Zachary", "Zach"), ("Vincent", "Vince"), ("Theodore", "Ted"), ("Lawrence", "Larry"), ("Patrick", "Pat"),
    ("Kenneth", "Ken"), ("Gabriel", "Gabe"), ("Samantha", "Sam"), ("Jennifer", "Jen"), ("Natalie", "Nat"),
    ("Michelle", "Shelly"), ("Stephanie", "Steph"), ("Jessica", "Jess"), ("Abigail", "Abby"), ("Madison", "Maddie"),
    ("Victoria", "Vicky"), ("Katherine", "Kate"), ("Angelina", "Angie"), ("Nicole", "Nikki"), ("Rebecca", "Becky"),
    ("Amanda", "Mandy"), ("Christina", "Tina"), ("Margaret", "Peggy"), ("Alexandra", "Alex"), ("Danielle", "Dani"),
    ("Deborah", "Debbie"), ("Patricia", "Patty"), ("Susan", "Sue"), ("Guadalupe", "Lupe"), ("Daniela", "Dani"),
    ("Alejandra", "Ale"), ("Gabriela", "Gaby"), ("Francisco", "Paco"), ("Alejandro", "Alex"), ("Eduardo", "Lalo"),
    ("Jesus", "Chuy"), ("Jesús", "Chuy"), ("Antonio", "Tony"), ("Ricardo", "Ricky"), ("Roberto", "Beto"),
    ("Rafael", "Rafa"), ("Manuel", "Manny"), ("Fernando", "Nando"), ("Ignacio", "Nacho"), ("Isabella", "Bella"),
    ("Mariana", "Mari"), ("Kimberly", "Kim"), ("Jacqueline", "Jackie"), ("Carolina", "Caro"), ("Beatriz", "Betty"),
];
