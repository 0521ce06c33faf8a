from ltnb import anchors as anchors
from ltnb import clip as clip
from ltnb import critters as critters
from ltnb import data as data
from ltnb import heads as heads
from ltnb import lesson as lesson
from ltnb import losses as losses
from ltnb import metrics as metrics
from ltnb import papers as papers
from ltnb import plots as plots
from ltnb import regime as regime
from ltnb import results as results
from ltnb import retrieval as retrieval
from ltnb import runner as runner
from ltnb import samplers as samplers
from ltnb import stages as stages
from ltnb import training as training
from ltnb import tuning as tuning

__version__: str
